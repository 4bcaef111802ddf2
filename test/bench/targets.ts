import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createLunOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { line, median, row } from './measure.ts';
import { processorMs, serveArray, serveTgt, type TargetProcess } from './processes.ts';

const LUN_BYTES = 256 * 1024 * 1024;
const ROUNDS = 5;
const SECONDS = 2;
const BLOCK = 512;

interface Load {
  readonly name: string;
  /** Runs it against a LUN; how many I/Os were done. */
  run(url: string): number | Promise<number>;
}

interface Sample {
  readonly iops: number;
  /** Processor time of the target for one I/O, microseconds. */
  readonly microseconds: number;
}

const LOADS: readonly Load[] = [
  perf('4 KiB sequential reads, depth 32', 4096, 32),
  perf('4 KiB random reads, depth 32', 4096, 32, { random: true }),
  perf('64 KiB sequential reads, depth 16', 65_536, 16),
  perf('4 KiB sequential reads, depth 1', 4096, 1),
  perf('4 KiB sequential reads, depth 32, header digest', 4096, 32, { headerDigest: true }),
  bench('4 KiB writes, depth 32', 4096, 32, 20_000),
  bench('64 KiB writes, depth 16', 65_536, 16, 4000),
  bench('4 KiB writes, depth 1', 4096, 1, 4000),
  bench('4 KiB writes, depth 32, flush every 64', 4096, 32, 10_000, ['--flush-interval=64']),
  own('64 KiB reads, depth 16, by our initiator', ''),
  own('64 KiB reads, depth 16, by our initiator, both digests', '?header_digest=crc32c&data_digest=crc32c'),
];

/**
 * Our array against tgt, by the initiators of libiscsi and QEMU, in turn: I/Os a second, and the processor time of the
 * target for each I/O, which other work on the machine disturbs less. Both serve page-cached files.
 */
export async function targets(options: { readonly root: string; readonly directory: string }): Promise<void> {
  mkdirSync(options.directory, { recursive: true });
  const image = join(options.directory, 'tgt.img');
  const file = openSync(image, 'w');
  ftruncateSync(file, LUN_BYTES);
  closeSync(file);
  const array = await serveArray(options.root, join(options.directory, 'kyoto'), '256MiB');
  try {
    const tgt = await serveTgt(image);
    try {
      await compare(array, tgt);
    } finally {
      await tgt.stop();
    }
  } finally {
    await array.stop();
  }
}

async function compare(array: TargetProcess, tgt: TargetProcess): Promise<void> {
  const fill = bench('', 1024 * 1024, 8, LUN_BYTES / 1024 / 1024);
  for (const { url } of [array, tgt]) await fill.run(url);
  line(`our array against tgt, medians of ${ROUNDS}: processor time of the target for one I/O, and I/Os a second`);
  for (const load of LOADS) {
    const ours: Sample[] = [];
    const theirs: Sample[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const turns = [
        async () => ours.push(await sample(load, array)),
        async () => theirs.push(await sample(load, tgt)),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
    }
    row(load.name, `${figures(ours)} against ${figures(theirs)}: x ${proportion(ours, theirs).toFixed(2)}`);
  }
}

async function sample(load: Load, target: TargetProcess): Promise<Sample> {
  const startedMs = performance.now();
  const usedMs = processorMs(target.pid);
  const count = await load.run(target.url);
  const tookMs = performance.now() - startedMs;
  return { iops: count / (tookMs / 1000), microseconds: ((processorMs(target.pid) - usedMs) * 1000) / count };
}

function figures(samples: readonly Sample[]): string {
  const time = median(samples.map(({ microseconds }) => microseconds));
  return `${time.toFixed(1)} us (${median(samples.map(({ iops }) => iops)).toFixed(0)}/s)`;
}

function proportion(ours: readonly Sample[], theirs: readonly Sample[]): number {
  return median(ours.map(({ microseconds }, round) => microseconds / theirs[round]!.microseconds));
}

/** libiscsi's iscsi-perf for some seconds. */
function perf(
  name: string,
  byteLength: number,
  depth: number,
  options: { random?: boolean; headerDigest?: boolean } = {},
): Load {
  const shape = ['-b', String(byteLength / BLOCK), '-m', String(depth), ...(options.random ? ['-r'] : [])];
  return {
    name,
    run(url) {
      const lun = options.headerDigest ? `${url}?header_digest=crc32c` : url;
      const output = execFileSync('iscsi-perf', ['-t', String(SECONDS), ...shape, lun], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [, iops] = /iops average (\d+)/.exec(output) ?? [];
      if (!iops) throw new Error(`iscsi-perf said: ${output}`);
      return Number(iops) * SECONDS;
    },
  };
}

/** `qemu-img bench -w`, a number of writes one behind the other over the LUN. */
function bench(name: string, byteLength: number, depth: number, count: number, more: readonly string[] = []): Load {
  const shape = ['-w', '-t', 'none', '-f', 'raw', '-c', String(count), '-d', String(depth), '-s', String(byteLength)];
  return {
    name,
    run(url) {
      execFileSync('qemu-img', ['bench', ...shape, ...more, url], { stdio: ['ignore', 'ignore', 'inherit'] });
      return count;
    },
  };
}

const OWN_BYTES = 65_536;
const OWN_DEPTH = 16;

/** Sequential reads by the initiator of cdctl, which has data digests as well. */
function own(name: string, options: string): Load {
  return {
    name,
    async run(url) {
      const opener = createLunOpener({
        transport: createTcpTransport(),
        clock: createRealClock(),
        random: createRealRandom(),
        initiatorName: 'iqn.2026-11.io.cdctl:bench',
      });
      const lun = await opener.open(`${url}${options}`);
      const blocks = OWN_BYTES / BLOCK;
      const total = LUN_BYTES / OWN_BYTES;
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < total) {
          next += 1;
          await lun.read((next - 1) * blocks, blocks);
        }
      };
      await Promise.all(Array.from({ length: OWN_DEPTH }, lane));
      await lun.close();
      await opener.close();
      return total;
    },
  };
}
