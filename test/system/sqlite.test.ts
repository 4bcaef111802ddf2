import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { CommitLoad, createDatabase, readBooks } from './support-raw/commit-load.ts';
import { lacking, mount, tool, type MountedFilesystem } from './support-raw/filesystem.ts';
import { obstacle, type RawDevice } from './support-raw/raw-device.ts';
import { RawLab, type Site } from './support-raw/raw-lab.ts';

/**
 * SQLite on ext4 on a replicated volume, the site lost in mid-commit: what the other site has is a file system that
 * checks, a sound database, and every commit older than the loss that `takeover` reports. Each round goes the other way.
 * `CDCTL_SQLITE_ROUNDS` makes it longer.
 */

const ROUNDS = Number(process.env['CDCTL_SQLITE_ROUNDS'] ?? 20);
const ROUND_TIMEOUT_MS = 60_000;
const GROUP = 'oradb';
const LUN = 10;
const LEAST_COMMITS = 40;

const clock = createRealClock();
const lab = new RawLab();
const obstacleHere = lacking(['ext4'], ['mkfs.ext4', 'e2fsck', 'sqlite3', 'stdbuf']) ?? (await obstacle(lab.directory));
if (obstacleHere !== undefined) process.stderr.write(`SQLite is NOT tested: ${obstacleHere}\n`);

let mounted: MountedFilesystem | undefined;
let load: CommitLoad | undefined;

beforeAll(async () => {
  if (obstacleHere !== undefined) return;
  await lab.up('32MiB', '64MiB');
  const device = await lab.attach('tokyo', LUN);
  await tool('mkfs.ext4', '-q', device.device);
  mounted = await mount(device.device, 'ext4');
  await createDatabase(mounted);
  await mounted.unmount();
  await device.remove();
  await lab.json(['pair', 'create', GROUP, '--primary', 'tokyo']);
});

beforeEach((context) => {
  if (obstacleHere !== undefined) context.skip(obstacleHere);
});

afterAll(async () => {
  await mounted?.abandon();
  const left = await lab.end();
  await load?.kill();
  expect(left).toEqual([]);
});

type Disaster = 'the array is killed' | 'the link is cut';

interface Taken {
  readonly loss: {
    readonly knownMissingWrites: number;
    readonly unknownAfterMs?: number;
    readonly explanation: string;
  };
}

/** What is lost with a site: its array or its link, the application, the host that replicates. */
async function strike(site: Site, disaster: Disaster, device: RawDevice): Promise<Taken> {
  const peer = peerOf(site);
  if (disaster === 'the array is killed') lab.kill(site);
  else await lab.cut();
  await lab.killServices();
  const taken = (await lab.json(['takeover', GROUP, '--at', peer, '--confirm', GROUP], peer)) as unknown as Taken;
  await device.breakOff();
  await load!.kill();
  await mounted!.abandon();
  await device.remove();
  return taken;
}

/** The commits that must have survived: those acknowledged before the moment that the report names. */
function mustBeThere({ first, acknowledgedMs }: CommitLoad, { loss }: Taken): number {
  return first - 1 + acknowledgedMs.filter((ms) => ms < loss.unknownAfterMs!).length;
}

/** Mounts the copy, has everything checked, and says up to which order it reaches. */
async function examine(site: Site): Promise<number> {
  const device = await lab.attach(site, LUN);
  mounted = await mount(device.device, 'ext4');
  const books = await readBooks(mounted);
  await mounted.unmount();
  await tool('e2fsck', '-fn', device.device);
  await device.remove();
  expect(books).toEqual({ integrity: 'ok', orders: books.highest, highest: books.highest, counted: books.highest });
  return books.highest;
}

async function heal(site: Site): Promise<void> {
  const peer = peerOf(site);
  await lab.restore();
  await lab.json(['pair', 'resync', GROUP, '--from', peer, '--discard', site, '--confirm', GROUP], peer);
}

const peerOf = (site: Site): Site => (site === 'tokyo' ? 'osaka' : 'tokyo');

describe('SQLite on a replicated volume', () => {
  it(
    `survives ${ROUNDS} lost sites`,
    async () => {
      let highest = 0;
      let acknowledged = 0;
      let kept = 0;
      let lost = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const site: Site = round % 2 === 0 ? 'tokyo' : 'osaka';
        const disaster: Disaster = round % 4 < 2 ? 'the array is killed' : 'the link is cut';
        await lab.json(['replicate', GROUP, '--until-empty', '--timeout', '60s'], site);
        const loop = lab.serve(['replicate', GROUP, '--interval', '100ms', '--json'], site);
        await loop.lines(1);
        const device = await lab.attach(site, LUN);
        mounted = await mount(device.device, 'ext4');
        load = new CommitLoad(mounted, clock, highest + 1);
        await load.acknowledged(1);
        // A cycle that begins after the first commit ends before the disaster.
        await loop.lines(2);
        await load.acknowledged(LEAST_COMMITS + ((round * 13) % 31));
        const taken = await strike(site, disaster, device);
        highest = await examine(peerOf(site));
        const told = `round ${round}, ${disaster} at ${site}: ${taken.loss.explanation}`;
        const last = load.first + load.acknowledgedMs.length - 1;
        const promised = mustBeThere(load, taken);
        expect(highest, told).toBeGreaterThanOrEqual(promised);
        expect(highest, told).toBeLessThanOrEqual(load.issued);
        acknowledged += load.acknowledgedMs.length;
        kept += promised - load.first + 1;
        lost += Math.max(0, last - highest);
        await heal(site);
      }
      console.log(
        `${ROUNDS} sites lost; ${acknowledged} commits acknowledged, ${kept} before the reported moment;`,
        `${lost} lost, all after it`,
      );
      expect(acknowledged).toBeGreaterThanOrEqual(ROUNDS * LEAST_COMMITS);
      // Otherwise the reports would promise nothing.
      expect(kept).toBeGreaterThanOrEqual(ROUNDS);
    },
    ROUNDS * ROUND_TIMEOUT_MS,
  );
});
