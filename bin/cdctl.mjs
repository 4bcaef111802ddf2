#!/usr/bin/env node
// Starts the built CLI and sets the exit status; never process.exit(), which would cut piped output short.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`cdctl needs Node.js 20.19 or newer; this is ${process.versions.node}\n`);
  process.exitCode = 3;
} else {
  const { start } = await import('../dist/main.mjs');
  process.exitCode = await start();
}
