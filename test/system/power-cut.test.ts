import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Lun } from '../../src/lun/lun.ts';
import { createLunOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { recover, type Recovered } from './support-raw/cut-arrays.ts';
import { lacking, mount, tool, type MountedFilesystem } from './support-raw/filesystem.ts';
import { attach, obstacle, type RawDevice } from './support-raw/raw-device.ts';
import { RawLab, type Site } from './support-raw/raw-lab.ts';
import { StampedWrites } from './support-raw/stamped-writes.ts';
import { cutStates, parseWriteLog, type CutState } from './support-raw/write-log.ts';

/**
 * Power cuts of real arrays: two array processes keep their files on ext4 on a device whose every write and flush QEMU
 * logs (`blklogwrites`), under writes, flushes, replication and a swap. Then the device is made as it was at each flush,
 * and as it might have been between two, with writes dropped and torn; each time it is mounted, both arrays are started
 * from it, and what they hold is compared with what had been acknowledged. `CDCTL_CUT_STATES` makes it longer.
 */

const STATES = Number(process.env['CDCTL_CUT_STATES'] ?? 500);
const SEED = Number(process.env['CDCTL_CUT_SEED'] ?? 1);
const GROUP = 'oradb';
const LUNS = [10, 11];
const SECTORS = 256;
const IMAGE_BYTES = 16 * 2 ** 20;
/** Flushes that are acknowledged at each site; each makes several of the device. */
const FLUSHES = 50;
/** Two minutes for 500 states, on a machine with a lot of other work several times that. */
const LONGEST_MS = 1_800_000;

/**
 * Without a disk under it every flush would cost; where there is no memory file system the test is only slower. By its name it
 * is known to whoever ends what a killed run leaves behind.
 */
const place = fs.mkdtempSync(join(fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `${basename(tmpdir())}-cut-`));
const disk = join(place, 'disk');
const log = join(place, 'log');
const lab = new RawLab();
const opener = createLunOpener({
  transport: createTcpTransport(),
  clock: createRealClock(),
  random: createRealRandom(),
  initiatorName: 'iqn.2026-11.io.cdctl:cut',
  reconnectPausesMs: [10, 50],
});
const obstacleHere = lacking(['ext4'], ['mkfs.ext4']) ?? (await obstacle(lab.directory));
if (obstacleHere !== undefined) process.stderr.write(`power cuts are NOT tested: ${obstacleHere}\n`);

let device: RawDevice | undefined;
let mounted: MountedFilesystem | undefined;

beforeEach((context) => {
  if (obstacleHere !== undefined) context.skip(obstacleHere);
});

afterAll(async () => {
  await opener.close();
  const left = await lab.end();
  await mounted?.abandon();
  await device?.remove();
  fs.rmSync(place, { recursive: true });
  expect(left).toEqual([]);
});

/** When the log had so many bytes, or fewer, so many writes were known to be durable. */
interface Mark {
  readonly logBytes: number;
  readonly writes: number;
}

interface Course {
  readonly writes: StampedWrites;
  readonly marks: readonly Mark[];
}

async function prepareDisk(): Promise<Buffer> {
  fs.writeFileSync(disk, '');
  fs.truncateSync(disk, IMAGE_BYTES);
  fs.writeFileSync(log, '');
  const whole = ['-E', 'lazy_itable_init=0,lazy_journal_init=0'];
  await tool('mkfs.ext4', '-q', '-b', '4096', '-J', 'size=4', '-m', '0', '-N', '128', ...whole, disk);
  return fs.readFileSync(disk);
}

/** The arrays live on the logged device: form the group, write under replication, swap, write on, stop. */
async function record(): Promise<Course> {
  const files = `file.driver=file,file.filename=${disk},file.cache.direct=off`;
  const logged = `log.driver=file,log.filename=${log},log.cache.direct=off,log-sector-size=512`;
  device = await attach(lab.directory, 'logged', `driver=blklogwrites,${files},${logged}`);
  mounted = await mount(device.device, 'ext4', 'noatime');
  const writes = new StampedWrites(LUNS, SECTORS);
  const marks: Mark[] = [];
  const mark = (): number => marks.push({ logBytes: fs.statSync(log).size, writes: writes.count });
  await lab.up('1MiB', '1MiB', { directory: join(mounted.path, 'lab') });
  await lab.json(['pair', 'create', GROUP, '--primary', 'tokyo']);
  await lab.json(['replicate', GROUP, '--until-empty']);
  mark();
  for (const site of ['tokyo', 'osaka'] as const) {
    if (site === 'osaka') await lab.json(['swap', GROUP, '--to', 'osaka']);
    const loop = lab.serve(['replicate', GROUP, '--interval', '100ms', '--json']);
    await loop.lines(1);
    await writeAt(site, writes, mark);
    await loop.stop();
  }
  await lab.down();
  await mounted.unmount();
  await device.remove();
  return { writes, marks };
}

async function writeAt(site: Site, writes: StampedWrites, flushed: () => void): Promise<void> {
  const random = createSeededRandom(SEED);
  const luns = new Map<number, Lun>();
  for (const volume of LUNS) luns.set(volume, await opener.open(lab.url(site, volume)));
  for (let flushes = 0; flushes < FLUSHES; flushes += 1) {
    for (let more = random.below(4); more >= 0; more -= 1) {
      const volume = LUNS[random.below(LUNS.length)]!;
      const sectors = 1 + random.below(16);
      await writes.write(luns.get(volume)!, { volume, lba: random.below(SECTORS - sectors + 1), sectors });
    }
    for (const lun of luns.values()) await lun.flush();
    flushed();
  }
  for (const lun of luns.values()) await lun.close();
}

/** Mounts the state, which replays its journal, starts both arrays from it; says what is wrong. */
async function examine(state: CutState, { writes, marks }: Course): Promise<string[]> {
  const file = join(place, 'state');
  fs.writeFileSync(file, state.image);
  mounted = await mount(file, 'ext4', 'loop,noatime');
  const sides: Recovered[] = [];
  try {
    for (const site of ['tokyo', 'osaka']) {
      sides.push(await recover(join(mounted.path, 'lab', site), GROUP, LUNS, SECTORS));
    }
  } finally {
    await mounted.unmount();
  }
  const flushed = Math.max(...marks.filter(({ logBytes }) => logBytes <= state.logEnd).map((mark) => mark.writes));
  return judge(sides, writes, flushed);
}

function judge(sides: readonly Recovered[], writes: StampedWrites, flushed: number): string[] {
  const wrong: string[] = [];
  const reached = new Map<string, number>();
  for (const { name, contents } of sides) {
    const prefix = writes.prefixOf(contents);
    if (typeof prefix === 'string') wrong.push(`${name}: ${prefix}`);
    else reached.set(name, prefix);
  }
  if (Math.max(...reached.values()) < flushed)
    wrong.push(`of ${flushed} flushed writes there are ${[...reached.values()].join(' and ')}`);
  const [primary, ...others] = sides.filter(({ journal }) => journal.role === 'primary');
  const auxiliary = sides.find(({ journal }) => journal.role === 'auxiliary');
  if (!primary || !auxiliary || others.length > 0) return wrong;
  const [near, far] = [primary.journal, auxiliary.journal];
  if (reached.get(primary.name)! < flushed) wrong.push(`primary ${primary.name} lost flushed writes`);
  if (reached.get(auxiliary.name)! > reached.get(primary.name)!) wrong.push(`${auxiliary.name} is ahead`);
  if (near.journalOutSequence - 1 > far.readSequence)
    wrong.push(`purged ${near.journalOutSequence - 1}, read ${far.readSequence}`);
  if (far.readSequence > near.journalInSequence - 1)
    wrong.push(`read ${far.readSequence}, stored ${near.journalInSequence - 1}`);
  return wrong;
}

/** `count` things over so many places, evenly: how many at each place. */
function spread(count: number, places: number): (place: number) => number {
  const before = (place: number): number => Math.ceil((place * count) / places);
  return (place) => before(place + 1) - before(place);
}

describe('arrays after a power cut', () => {
  it(
    'start, in order, with everything that had been flushed',
    async () => {
      const image = await prepareDisk();
      const course = await record();
      const entries = parseWriteLog(fs.readFileSync(log));
      const random = createSeededRandom(SEED);
      const from = course.marks[0]!.logBytes;
      const boundaries = [...cutStates(Buffer.from(image), entries, { from, random, tears: () => 0 })].length;
      const tears = spread(Math.max(STATES - boundaries, STATES / 4), boundaries);
      let states = 0;
      for (const state of cutStates(image, entries, { from, random, tears })) {
        const wrong = await examine(state, course).catch((error: unknown) => [String(error)]);
        expect(wrong, `CDCTL_CUT_SEED=${SEED}, ${state.name}`).toEqual([]);
        states += 1;
      }
      console.log(`${states} states, ${boundaries} of them at a flush, under ${course.writes.count} writes`);
      expect(states).toBeGreaterThanOrEqual(STATES);
    },
    LONGEST_MS,
  );
});
