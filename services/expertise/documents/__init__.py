"""The conclusion as a document (заключение на бумаге): what it says, and how it looks."""
