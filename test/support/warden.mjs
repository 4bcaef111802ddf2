// Ends what a test run leaves behind: arguments are the directory of the run and the process id of the run. It outlives the
// run, however that ends (a signal, SIGKILL, a crash): its standard input is a pipe that only the run holds open.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

const [directory, runner] = [process.argv[2], Number(process.argv[3])];
if (directory === undefined || !directory.startsWith('/')) throw new Error('the directory of a test run is missing');
/** What is better kept off disks lies here, under a name that begins with that of the directory. */
const MEMORY = '/dev/shm';

let told = '';
process.stdin.setEncoding('utf8').on('data', (text) => (told += text));
process.stdin.on('end', () => void endAll(told === 'in order'));

// Arrays of a lab are in sessions of their own: no signal to the run's process group reaches them.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);

/** Until nobody is left: what is killed may have been starting another. */
async function endAll(inOrder) {
  for (let round = 0; round < 50; round += 1) {
    const left = processes().filter((pid) => belongs(pid) && !(inOrder && isWorker(pid)));
    if (left.length === 0) break;
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  rmSync(directory, { recursive: true, force: true });
  for (const name of existsSync(MEMORY) ? readdirSync(MEMORY) : []) {
    if (name.startsWith(`${basename(directory)}-`)) rmSync(join(MEMORY, name), { recursive: true, force: true });
  }
}

function processes() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && pid !== runner);
}

/** Every process of a run knows its directory: from its environment, or from the directory of an array in it. */
function belongs(pid) {
  return read(pid, 'cmdline').includes(directory) || read(pid, 'environ').includes(directory);
}

/** In an orderly end the run itself ends those. */
function isWorker(pid) {
  return Number(/\nPPid:\t(\d+)/.exec(read(pid, 'status'))?.[1]) === runner;
}

/** Empty for a process that is gone, of another user, or dead and not yet taken notice of. */
function read(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}
