"""The whole pipeline, from an agency's topic to the register: our three services beside three other ways of the job.

All runs are on one MongoDB and one Apache Kafka of this machine, in one call of `./lotsman bench pipeline`:

- `lotsman`: the three services as they run anywhere, each a process, tracing at 1 %. An agency submits applications of
  about 1 KB on its topic; officials and experts carry each of them to its launch. Their commands are given in batches
  to the engine's own entry, by one further process (`people`) that is a replica of all three services without HTTP.
- `bare`: the same inputs, reads, guarded writes, clears and sends in the same batches, by as many processes, over
  documents, rows and records of the same size with the same indexes, and no rules (bench/pipeline/bare.py).
- `textbook`: one message, one transaction, inbox and outbox collections, a relay (bench/pipeline/textbook.py).
- `rival`: FastStream with faststream-outbox on PostgreSQL (bench/pipeline/rival.py).

The last three play a script that is taken down from a real run (bench/pipeline/script.py): each input makes the facts
that it made there. An event is one fact in one of the three fact topics; copies of a fact do not count.

Comparable: facts for each second and processor time for each fact, of all processes together, MongoDB, Kafka and
PostgreSQL among them, within one call. `people` counts everywhere, since in each way it does the commands' share of the
work.

Not comparable: `textbook` and `rival` carry a share of the load, for the whole of it would take them minutes; small
loads make small batches, but they have none. `rival` writes to another database with fewer indexes, and its documents
are JSON in one column. `lotsman` alone decides and validates, keeps a search index and figures up to date, gives
spans, metrics and logs, answers HTTP, holds timers and parks what must wait. Its facts per second depend on the rules,
so figures of two editions of the rules compare only by their ratios to `bare`. What it costs to start is in none of it.
"""
