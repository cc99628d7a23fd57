/**
 * The tables of a replica's file. They are for people too: what a person would ask for is a plain column; lists are
 * JSON; hashes and keys are hexadecimal or 16-byte blobs whose `hex()` reads the same. Three choices are for speed:
 *
 * - Which orders have a line of an item is kept in `item_orders`, up to some hundred ascending order numbers in one
 *   row. A row per line costs as much as the order itself; this costs a tenth of it. The view `order_items` unfolds it.
 * - Keys are random, so each is a random place in an index: the smaller the index, the fewer pages every transaction
 *   changes. It holds only a key's first four bytes. A key may be answered again after its lifetime: the newest counts.
 * - `market` is apart from `state` because `state` is rewritten by every transaction, and a definition may be long.
 *
 * A row in `copying` is the mark that another replica's state is being copied: until it is installed, `orders` and
 * `answers` may hold more than `state` says. Its hash is the sum over the rows of these two tables.
 */

/** "BAZA": lets `file` and SQLite tell our database from any other. */
export const applicationId = 0x42415a41;
export const formatVersion = 2;

export const schema = `
CREATE TABLE market (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  cluster TEXT NOT NULL,
  replica INTEGER NOT NULL,
  definition TEXT
) STRICT;
CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  log_index INTEGER NOT NULL,
  log_term INTEGER NOT NULL,
  position INTEGER NOT NULL,
  ticks INTEGER NOT NULL,
  next_order INTEGER NOT NULL,
  next_item INTEGER NOT NULL,
  hash TEXT NOT NULL,
  hashes TEXT NOT NULL
) STRICT;
CREATE TABLE copying (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  hash TEXT NOT NULL
) STRICT;
CREATE TABLE items (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  title TEXT,
  topic TEXT,
  price_minor INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  volume INTEGER NOT NULL,
  supplied INTEGER NOT NULL,
  changed INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (
  number INTEGER PRIMARY KEY,
  position INTEGER NOT NULL,
  side TEXT NOT NULL,
  status TEXT NOT NULL,
  shape TEXT NOT NULL,
  lines TEXT NOT NULL,
  total_minor INTEGER NOT NULL,
  reference TEXT,
  customer TEXT,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_by_reference ON orders (reference) WHERE reference IS NOT NULL;
CREATE INDEX orders_by_customer ON orders (customer) WHERE customer IS NOT NULL;
CREATE TABLE item_orders (
  item INTEGER NOT NULL,
  first INTEGER NOT NULL,
  numbers TEXT NOT NULL,
  PRIMARY KEY (item, first)
) STRICT, WITHOUT ROWID;
CREATE VIEW order_items AS
  SELECT item, value AS number FROM item_orders, json_each(item_orders.numbers);
CREATE TABLE answers (
  position INTEGER PRIMARY KEY,
  key BLOB NOT NULL,
  body BLOB NOT NULL,
  tick INTEGER NOT NULL,
  order_number INTEGER,
  reply TEXT
) STRICT;
CREATE INDEX answers_by_key ON answers (substr(key, 1, 4));
CREATE TABLE sessions (
  session INTEGER PRIMARY KEY,
  below INTEGER NOT NULL,
  open TEXT NOT NULL,
  tick INTEGER NOT NULL
) STRICT;
CREATE TABLE session_answers (
  session INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  position INTEGER NOT NULL,
  body BLOB NOT NULL,
  tick INTEGER NOT NULL,
  order_number INTEGER,
  reply TEXT,
  PRIMARY KEY (session, sequence)
) STRICT, WITHOUT ROWID;
`;
