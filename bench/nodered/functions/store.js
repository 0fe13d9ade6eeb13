// The event is on the disk before its sender is told that it was accepted.
const journal = global.get('journal');
const number = ++journal.last;
journal.fs.writeSync(journal.fd, JSON.stringify({number, event: msg.payload}) + '\n');
journal.fs.fdatasyncSync(journal.fd);
return [{...msg, payload: {number}, statusCode: 202}, {number, payload: msg.payload}];
