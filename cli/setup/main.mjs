#!/usr/bin/env node
// Entry of `npm start`, `npm test`, `npm run bench` and `npm run setup`. It is run by whatever Node the machine has,
// so it keeps to syntax that old versions can still read and only then loads the rest.
const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  console.error(`Troupe needs Node 20 or newer to set itself up; this is Node ${process.versions.node}.`);
  console.error(
    'Install a newer one (your package manager, nvm or fnm: `nvm install 24`), then run the command again.',
  );
  process.exitCode = 1;
} else {
  import('./run.mjs')
    .then((module) => module.run(process.argv.slice(2)))
    .then((status) => {
      process.exitCode = status;
    })
    .catch((error) => {
      console.error(error);
      process.exitCode = 1;
    });
}
