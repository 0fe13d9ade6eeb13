// At the start: whatever was accepted and not sent before is sent now, or accepting it would have been no promise.
const journal = global.get('journal');
const open = new Map();
for (const line of journal.fs.readFileSync(journal.path, 'utf8').split('\n')) {
  if (!line) continue;
  const entry = JSON.parse(line);
  if (entry.done) open.delete(entry.done);
  else open.set(entry.number, entry.event);
  journal.last = Math.max(journal.last, entry.number || 0);
}
for (const [number, payload] of open) node.send({number, payload});
return null;
