// Node-RED as the bench runs it: no editor, no admin pages, and the journal that makes its flow durable.
const fs = require('fs');

const path = process.env.BENCH_FOLDER + '/journal.ndjson';

module.exports = {
  uiHost: '127.0.0.1',
  uiPort: Number(process.env.BENCH_PORT),
  userDir: process.env.BENCH_FOLDER,
  flowFile: 'flows.json',
  credentialSecret: false,
  disableEditor: true,
  httpAdminRoot: false,
  diagnostics: {enabled: false, ui: false},
  telemetry: {enabled: false},
  logging: {console: {level: 'warn', metrics: false, audit: false}},
  functionGlobalContext: {journal: {fs, path, fd: fs.openSync(path, 'a'), last: 0}},
};
