"""Finding in the register: full-text search, facets and similar pilots, from two indexes beside each replica.

The indexes, one internal and one public, are derived views: a follower reads the register's own topic without a
group and indexes what MongoDB holds of each pilot that is named there. They can be thrown away at any time; a
replica without them makes them anew from all documents. Each is built from its own view alone.
"""
