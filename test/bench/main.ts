import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createArrayClient } from '../../src/host/array-client.ts';
import { encodeRequestPart } from '../../src/interface-block/block.ts';
import { FIRST_SLOT_OFFSET, LABEL_SIZE, SLOT_SIZE } from '../../src/interface-block/geometry.ts';
import { decodeLabel } from '../../src/interface-block/label.ts';
import { PROCESSES } from '../../src/interface-block/process-table.ts';
import type { Lun } from '../../src/lun/lun.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { childEnvironment, upLab, type BenchLab } from './lab.ts';
import { inTurn, line, median, ratio, row } from './measure.ts';
import { serveArray } from './processes.ts';
import { encryptionCost } from './encryption.ts';
import { recoveryTime } from './recovery.ts';
import { targets } from './targets.ts';

/**
 * The figures of the project, as ratios against a bare floor measured in the same run. Nothing is asserted: a machine
 * that is busy with other things gives other numbers.
 */
interface Options {
  readonly root: string;
  readonly directory: string;
  /** Names of the benchmarks to run; all where empty. */
  readonly only: readonly string[];
}

const BLOCK = 512;

export async function main(options: Options): Promise<number> {
  const benches: ReadonlyArray<readonly [string, (options: Options) => Promise<void>]> = [
    ['command', commandRoundTrip],
    ['replication', replicationThroughput],
    ['start', startUp],
    ['memory', sparseMemory],
    ['recovery', (all) => recoveryTime(join(all.directory, 'recovery'))],
    ['encryption', (all) => encryptionCost(join(all.directory, 'encryption'))],
    ['targets', (all) => targets({ root: all.root, directory: join(all.directory, 'targets') })],
  ];
  for (const [name, bench] of benches) {
    if (options.only.length === 0 || options.only.includes(name)) await bench(options);
  }
  return 0;
}

async function withLab(
  options: Options,
  sizes: { volume: string; journal: string },
  work: (lab: BenchLab) => Promise<void>,
): Promise<void> {
  const lab = await upLab(options.root, join(options.directory, `lab-${sizes.volume}`), sizes);
  try {
    await work(lab);
  } finally {
    await lab.down();
  }
}

async function repeated(times: number, work: () => Promise<void>): Promise<void> {
  for (let time = 0; time < times; time += 1) await work();
}

/** A whole command against the WRITE and READ that it is made of, on the same command device. */
async function commandRoundTrip(options: Options): Promise<void> {
  await withLab(options, { volume: '16MiB', journal: '16MiB' }, async (lab) => {
    for (const [name, lunNumber, serial] of [
      ['own array', 0, 'TK000001'],
      ['far array, through a virtual volume', 1, 'OS000001'],
    ] as const) {
      await oneCommandDevice(lab, name, `${lab.portals['tokyo']}/${lunNumber}`, serial);
    }
  });
}

async function oneCommandDevice(lab: BenchLab, name: string, path: string, serial: string): Promise<void> {
  const random = createRealRandom();
  const client = createArrayClient({
    array: 'bench',
    serial,
    paths: [path],
    opener: lab.opener,
    clock: createRealClock(),
    random,
    host: 'bench',
    timeoutMs: 10_000,
  });
  const lun = await lab.opener.open(path);
  const data = await lab.opener.open(`${lab.portals['tokyo']}/10`);
  const commands = 50;
  const [command, bare, plain] = await inTurn(9, [
    ['command', () => repeated(commands, async () => void (await client.call('array.show', { header: {}, rows: [] })))],
    ['bare', () => bareCommands(lun, serial, commands)],
    ['plain', () => repeated(commands, () => writeThenRead(data))],
  ]);
  await Promise.all([client.close(), lun.close(), data.close()]);
  line(`command round trip, ${name}`);
  row('array.show by the command client', `${(median(command!.times) / commands).toFixed(2)} ms`);
  row('against one WRITE and one READ of the same slot', `x ${ratio(command!, bare!).toFixed(2)}`);
  row('against one WRITE and one READ of a volume (4096, 16384 bytes)', `x ${ratio(command!, plain!).toFixed(2)}`);
}

async function bareCommands(lun: Lun, arraySerial: string, count: number): Promise<void> {
  const label = decodeLabel(await lun.read(0, LABEL_SIZE / BLOCK));
  if (!label.ok) throw new Error('no label');
  const random = createRealRandom();
  await repeated(count, async () => {
    const slot = random.below(label.value.slotCount);
    const lba = (FIRST_SLOT_OFFSET + slot * SLOT_SIZE) / BLOCK;
    const block = encodeRequestPart({
      process: PROCESSES['array.show'].number,
      editedDataWanted: true,
      requestId: Buffer.from(random.bytes(16)).toString('hex'),
      arraySerial,
      admissionNumber: label.value.commandNumber,
      page: 0,
      host: 'bench',
      input: new Uint8Array(0),
    });
    await lun.write(lba, block);
    await lun.read(lba, SLOT_SIZE / BLOCK);
  });
}

async function writeThenRead(lun: Lun): Promise<void> {
  await lun.write(0, new Uint8Array(4096));
  await lun.read(0, 16_384 / BLOCK);
}

const COPY_BYTES = 256 * 1024 * 1024;
const JOURNALED_BYTES = 96 * 1024 * 1024;
const IO_BYTES = 1024 * 1024;
const SMALL_JOURNALED_BYTES = 64 * 1024 * 1024;
const SMALL_IO_BYTES = 4096;

/** Copy formation and the cycle of Fig. 16 against reading the same bytes from the same LUN. */
async function replicationThroughput(options: Options): Promise<void> {
  await withLab(options, { volume: '256MiB', journal: '256MiB' }, async (lab) => {
    const lun = await lab.opener.open(`${lab.portals['tokyo']}/10`);
    const random = Buffer.from(createRealRandom().bytes(IO_BYTES));
    await writeAll(lun, COPY_BYTES, random);
    const readMs = await timed(() => readAll(lun, COPY_BYTES));
    const copyMs = await timed(async () => {
      await lab.cli('pair', 'create', 'oradb', '--primary', 'tokyo');
      await lab.cli('replicate', 'oradb', '--until-empty', '--timeout', '120s');
    });
    line('replication, two arrays as processes over loopback');
    report('copy formation to PAIR, both commands of the CLI included', COPY_BYTES, copyMs, readMs);
    const writeMs = await timed(() => writeAll(lun, JOURNALED_BYTES, random.toReversed()));
    row('host writes on the primary while journal flows', `${mibPerSecond(JOURNALED_BYTES, writeMs)} MiB/s`);
    const rereadMs = await timed(() => readAll(lun, JOURNALED_BYTES));
    const cycleMs = await timed(() => lab.cli('replicate', 'oradb', '--until-empty', '--timeout', '120s'));
    report('acquire, restore and purge by one replicate --until-empty', JOURNALED_BYTES, cycleMs, rereadMs);
    await writeAll(lun, SMALL_JOURNALED_BYTES, random.subarray(0, SMALL_IO_BYTES));
    const smallMs = await timed(() => lab.cli('replicate', 'oradb', '--until-empty', '--timeout', '120s'));
    row('the same of writes of 4 KiB', `${(SMALL_JOURNALED_BYTES / SMALL_IO_BYTES / smallMs).toFixed(1)} records/ms`);
    await lun.close();
  });
}

function report(name: string, bytes: number, ms: number, readMs: number): void {
  row(name, `${mibPerSecond(bytes, ms)} MiB/s`);
  row(
    '  against reading the same bytes from the LUN',
    `x ${(ms / readMs).toFixed(2)} (${mibPerSecond(bytes, readMs)} MiB/s)`,
  );
}

function mibPerSecond(bytes: number, ms: number): string {
  return (bytes / 1024 / 1024 / (ms / 1000)).toFixed(0);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function writeAll(lun: Lun, bytes: number, piece: Uint8Array): Promise<void> {
  await pieces(bytes, piece.length, (lba) => lun.write(lba, piece));
  await lun.flush();
}

async function readAll(lun: Lun, bytes: number): Promise<void> {
  await pieces(bytes, IO_BYTES, async (lba) => void (await lun.read(lba, IO_BYTES / BLOCK)));
}

/** Four pieces in flight, as copy formation has. */
async function pieces(bytes: number, pieceBytes: number, io: (lba: number) => Promise<void>): Promise<void> {
  let at = 0;
  const lane = async (): Promise<void> => {
    while (at < bytes) {
      const lba = at / BLOCK;
      at += pieceBytes;
      await io(lba);
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
}

/** Whole processes against `node -e 0`. */
async function startUp(options: Options): Promise<void> {
  const program = join(options.root, 'bin/cdctl.mjs');
  const env = childEnvironment();
  const node =
    (...args: string[]) =>
    () =>
      void execFileSync(process.execPath, args, { env, stdio: 'ignore' });
  const [empty, version, help, codes] = await inTurn(15, [
    ['node -e 0', node('-e', '0')],
    ['cdctl --version', node(program, '--version')],
    ['cdctl --help', node(program, '--help')],
    ['cdctl exit-codes --json', node(program, 'exit-codes', '--json')],
  ]);
  line('start-up, median of 15');
  row('node -e 0', `${median(empty!.times).toFixed(0)} ms`);
  for (const series of [version!, help!, codes!]) {
    row(series.name, `${median(series.times).toFixed(0)} ms, x ${ratio(series, empty!).toFixed(2)}`);
  }
}

/** Resident memory of an array that serves a sparse volume of 1 TiB, idle and after scattered writes. */
async function sparseMemory(options: Options): Promise<void> {
  const array = await serveArray(options.root, join(options.directory, 'kyoto'), '1TiB');
  try {
    const idle = residentMiB(array.pid);
    await scatteredWrites(array.url);
    line('memory of an array serving a sparse volume of 1 TiB');
    row('resident, idle', `${idle.toFixed(0)} MiB`);
    row('resident, after 2000 writes of 64 KiB all over it', `${residentMiB(array.pid).toFixed(0)} MiB`);
  } finally {
    await array.stop();
  }
}

async function scatteredWrites(path: string): Promise<void> {
  const { createLunOpener } = await import('../../src/lun/opener.ts');
  const { createTcpTransport } = await import('../../src/lun/socket.ts');
  const random = createRealRandom();
  const opener = createLunOpener({
    transport: createTcpTransport(),
    clock: createRealClock(),
    random,
    initiatorName: 'iqn.2026-11.io.cdctl:bench',
  });
  const lun = await opener.open(path);
  const { blockCount } = await lun.capacity();
  const data = random.bytes(65_536);
  for (let write = 0; write < 2000; write += 1)
    await lun.write(Math.floor((random.below(2 ** 30) / 2 ** 30) * (blockCount - 128)), data);
  await lun.flush();
  await lun.close();
  await opener.close();
}

function residentMiB(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}
