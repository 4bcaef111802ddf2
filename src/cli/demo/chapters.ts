import { createGroup } from '../../replication/change.ts';
import { drainGroup } from '../../replication/drain.ts';
import { observeGroup } from '../../replication/observe.ts';
import { swapGroup } from '../../replication/swap.ts';
import { verdictOf } from '../../replication/verdict.ts';
import { CliError } from '../cli-error.ts';
import { pauseUntil } from '../pause.ts';
import { cycleUntil, isPaired } from './cycles.ts';
import { atDesk, lunOf, type Desk } from './desk.ts';
import type { DemoFile } from './events.ts';
import { startHost, type DemoHost } from './host.ts';
import { hashImage, writeImage } from './image.ts';
import type { Play } from './play.ts';
import { proveBlocks, proveRefusesWrites } from './proof.ts';

/** The acts of the demonstration, in order. Every one works on real arrays through real LUNs and checks what it claims. */

/** What the later acts must know of the earlier ones. */
export interface Performed {
  readonly file: DemoFile;
  readonly sinceKillMs: number;
}

export async function perform(play: Play, hosts: DemoHost[]): Promise<Performed> {
  play.chapter(
    'Two arrays',
    'Each is a process of its own with its own storage. Everything between them, and between them and us, is iSCSI on loopback.',
  );
  play.tell({ event: 'arrays', lab: play.lab });
  const { file, killedMs } = await atDesk(play, 'tokyo', (desk) => actsAtTokyo(play, desk, hosts));
  const sinceKillMs = await atDesk(play, 'osaka', (desk) => actsAtOsaka(play, desk, hosts, { file, killedMs }));
  await atDesk(play, 'tokyo', (desk) => lastAct(play, desk, file));
  return { file, sinceKillMs };
}

async function actsAtTokyo(play: Play, desk: Desk, hosts: DemoHost[]): Promise<{ file: DemoFile; killedMs: number }> {
  play.chapter('A file for tokyo', 'It is written to an ordinary volume of tokyo with ordinary WRITE commands.');
  const file = await load(play, desk);
  play.chapter(
    'A host at tokyo begins to write',
    'A process of its own writes 4 KiB blocks to two volumes and notes a write only once tokyo has acknowledged it.',
  );
  const host = await startHost(play, desk, hosts);
  await host.waitForWrites(FIRST_WRITES);
  await formPair(play, desk, host);
  await replicateUnderLoad(play, desk, host);
  await killHost(play, host);
  return { file, killedMs: play.context.services.clock.monotonicMs() };
}

const FIRST_WRITES = 16;
const LOADING_STEP = 64 * 2 ** 20;

async function load(play: Play, desk: Desk): Promise<DemoFile> {
  const { path, file, byteLength, beginning } = play.source;
  const startedMs = play.elapsedMs;
  let told = 0;
  const progress = (bytes: number): void => {
    if (bytes - told < LOADING_STEP || bytes === byteLength) return;
    told = bytes;
    play.tell({ event: 'loading', bytes, byteLength });
  };
  const options = { timeoutMs: desk.timeoutMs, stop: play.context.stop, progress };
  const sha256 = await writeImage(file, byteLength, desk.luns[0]!, options);
  const facts: DemoFile = { path, byteLength, beginning, sha256 };
  const lun = lunOf(desk.group, play.regions[0]!.volume, desk.site);
  play.tell({ event: 'loaded', array: desk.site, lun, elapsedMs: play.elapsedMs - startedMs, ...facts });
  return facts;
}

async function formPair(play: Play, desk: Desk, host: DemoHost): Promise<void> {
  play.chapter(
    'The pair is formed',
    'This site is attached to tokyo alone. What is meant for osaka is written to tokyo LUN 1, a virtual volume that tokyo ' +
      "passes on to osaka's command device. Osaka then pulls the volumes while the host goes on writing. Below, a line for each " +
      'interface block: process number, LUN, slot, status, and the time until its answer was read.',
  );
  await createGroup(desk.replication, desk.group, { primary: desk.site });
  await cycleUntil(play, desk, host, (cycles) => (cycles < 6 ? 300 : 2000), isPaired);
}

const CYCLES_UNDER_LOAD = 5;
const CYCLE_PAUSE_MS = 600;
/** Long enough for writes that no cycle has carried over when the host dies. */
const UNREPLICATED_MS = 700;

async function replicateUnderLoad(play: Play, desk: Desk, host: DemoHost): Promise<void> {
  play.chapter(
    'Replication under load',
    "Each write of the host also goes into tokyo's journal. A cycle lets osaka acquire the journal, restore it to its own " +
      'volumes in the same order, and lets tokyo free what osaka holds.',
  );
  await cycleUntil(
    play,
    desk,
    host,
    () => CYCLE_PAUSE_MS,
    (_, cycles) => cycles >= CYCLES_UNDER_LOAD,
  );
  await pauseUntil(play.context.services.clock, UNREPLICATED_MS, play.context.stop);
}

async function killHost(play: Play, host: DemoHost): Promise<void> {
  play.chapter(
    "tokyo's host dies",
    'Its process is killed with SIGKILL in the middle of its writes, and nobody at tokyo runs cycles any more. The arrays stay up.',
  );
  host.requireRunning();
  await host.kill();
  play.tell({ event: 'host-killed', site: host.site, pid: host.pid, acknowledged: host.acknowledged });
}

interface BeforeSwap {
  readonly file: DemoFile;
  readonly killedMs: number;
}

/** Resolves with the milliseconds from the kill until osaka took writes. */
async function actsAtOsaka(play: Play, desk: Desk, hosts: DemoHost[], { file, killedMs }: BeforeSwap): Promise<number> {
  play.chapter(
    'Swap to osaka',
    'We are at osaka now, attached to osaka alone; tokyo is commanded through osaka LUN 1. The journal of tokyo still holds ' +
      'writes that osaka has not: the swap brings them over first.',
  );
  await tellJournals(play, desk);
  const { sequence = 0, primary } = await swapGroup(desk.replication, desk.group, { to: desk.site });
  const sinceKillMs = Math.round(play.context.services.clock.monotonicMs() - killedMs);
  play.tell({ event: 'swapped', primary: primary ?? desk.site, sequence, sinceKillMs });
  await proveAtOsaka(play, desk, file);
  await writeAtOsaka(play, desk, hosts);
  return sinceKillMs;
}

async function tellJournals(play: Play, desk: Desk): Promise<void> {
  const observation = await observeGroup(desk.replication, desk.group);
  play.tell({ event: 'journals', group: desk.group.name, observation, verdict: verdictOf(observation) });
}

async function proveAtOsaka(play: Play, desk: Desk, file: DemoFile): Promise<void> {
  play.chapter(
    'The proof',
    'Every block that tokyo acknowledged to its host is read from osaka and compared byte for byte, and the file is hashed again.',
  );
  await prove(play, desk, file);
  const answer = await atDesk(play, 'tokyo', (tokyo) => proveRefusesWrites('tokyo', tokyo.luns[0]!, tokyo.timeoutMs));
  play.tell({ event: 'refused', array: 'tokyo', answer });
}

async function prove(play: Play, desk: Desk, file: DemoFile): Promise<void> {
  const { run, ledger, regions } = play;
  const blocks = await proveBlocks({
    run,
    ledger,
    regions,
    array: desk.site,
    luns: desk.luns,
    timeoutMs: desk.timeoutMs,
  });
  const options = { timeoutMs: desk.timeoutMs, stop: play.context.stop, progress: () => undefined };
  const sha256 = await hashImage(file.byteLength, desk.luns[0]!, options);
  if (sha256 !== file.sha256) throw otherFile(desk.site, file, sha256);
  const proof = { array: desk.site, ...blocks, sha256, byteLength: file.byteLength };
  play.proofs.push(proof);
  play.tell({ event: 'proved', ...proof });
}

function otherFile(array: string, file: DemoFile, found: string): CliError {
  return new CliError('does-not-hold', {
    what: `${array} does not hold the file`,
    where: `volume data, the first ${file.byteLength} bytes`,
    why: `SHA-256 is ${found}, not ${file.sha256}`,
    next: 'this must never happen: keep the output and report it',
  });
}

const WRITES_AT_OSAKA = 300;
const CYCLES_BACK = 3;

async function writeAtOsaka(play: Play, desk: Desk, hosts: DemoHost[]): Promise<void> {
  play.chapter(
    'Work goes on at osaka',
    'A host at osaka writes now, over some of the same blocks, and the cycles run the other way: tokyo acquires from osaka.',
  );
  const host = await startHost(play, desk, hosts);
  await host.waitForWrites(FIRST_WRITES);
  const enough = (cycles: number): boolean => cycles >= CYCLES_BACK && host.acknowledged >= WRITES_AT_OSAKA;
  await cycleUntil(
    play,
    desk,
    host,
    () => CYCLE_PAUSE_MS,
    (_, cycles) => enough(cycles),
  );
  await host.finish();
  play.tell({ event: 'host-ended', site: host.site, pid: host.pid, acknowledged: host.acknowledged });
  const { recordsAcquired, bytes, last } = await drainGroup(desk.replication, desk.group);
  if (last) play.countCycle({ ...last.figures, recordsAcquired, bytes }, last.copying);
}

async function lastAct(play: Play, desk: Desk, file: DemoFile): Promise<void> {
  play.chapter(
    'Back at tokyo',
    'The same comparison at tokyo: what it acknowledged itself, and what osaka acknowledged since.',
  );
  await prove(play, desk, file);
}
