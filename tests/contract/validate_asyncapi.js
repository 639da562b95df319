// What the official parser says of an AsyncAPI document: one JSON list. node_modules is found from where this is run.
const { createRequire } = require('node:module');
const { readFileSync } = require('node:fs');

const { Parser } = createRequire(`${process.cwd()}/`)('@asyncapi/parser');

new Parser().validate(readFileSync(process.argv[2], 'utf-8')).then((found) =>
  console.log(JSON.stringify(found.map(({ code, message, path }) => ({ code, message, path })))),
);
