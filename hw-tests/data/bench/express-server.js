// The rival of `make bench`: a ticket is one bare insert, committed with synchronous=FULL before the answer.
// No rules, no idempotency, no double presses, no ticket text: nothing but the number and the row.
//
// node express-server.js FILE: listens on 127.0.0.1 and writes "ready PORT" once it does.
'use strict';

const Database = require('better-sqlite3');
const express = require('express');

const db = new Database(process.argv[2]);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec('CREATE TABLE tickets (number INTEGER PRIMARY KEY, line TEXT NOT NULL, body TEXT NOT NULL) STRICT');
const insert = db.prepare('INSERT INTO tickets (line, body) VALUES (?, ?)');

const app = express();
app.disable('x-powered-by');
app.set('etag', false);
app.use(express.json());
app.post('/api/v1/lines/:line/tickets', (request, response) => {
  const { lastInsertRowid } = insert.run(request.params.line, JSON.stringify(request.body));
  response.json({ number: lastInsertRowid });
});

const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`ready ${server.address().port}\n`);
});
