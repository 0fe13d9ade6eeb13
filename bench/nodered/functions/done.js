// Note what was sent. Not flushed: after a crash it may be sent twice, never lost.
if (msg.statusCode >= 200 && msg.statusCode < 300) {
  const journal = global.get('journal');
  journal.fs.writeSync(journal.fd, JSON.stringify({done: msg.number}) + '\n');
}
return null;
