"""Events of spreadsheets over Kafka, as the command line publishes them; `services/intake/importing` makes them."""
