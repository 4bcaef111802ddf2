import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import type { Random } from '../../../src/base/random.ts';
import { blockCdb } from '../../../src/scsi/cdb.ts';
import { encodeLunField } from '../../../src/scsi/lun-field.ts';
import { OPCODE } from '../../../src/scsi/opcode.ts';
import { LUNS } from '../../support/array-pair.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVolatileLun, type VolatileLun } from '../../support/volatile-lun.ts';
import { verdictOf } from '../virtual-volume-world.ts';
import {
  cycle,
  cycleUntilPair,
  expectSame,
  formPair,
  inWorld,
  resync,
  type VolumeName,
  type World,
  type WorldOptions,
} from './world.ts';

/** Whatever a host may write with, in any mixture, is on both sides of a pair in the end, also over losses of power and swaps. */

type Site = 'tokyo' | 'osaka';

interface Target {
  readonly world: World;
  readonly site: Site;
  readonly volume: VolumeName;
  readonly random: Random;
}

interface Command {
  readonly cdb: Uint8Array;
  readonly data: Uint8Array;
}

const ROUNDS = 3;
const COMMANDS_IN_A_ROUND = 12;
const OTHER = { tokyo: 'osaka', osaka: 'tokyo' } as const;
const NOTHING = new Uint8Array(0);

/** Often none, often the last ones. */
function place({ world, site, volume, random }: Target, most = 24): { lba: number; count: number; blockSize: number } {
  const { blockCount, blockSize } = world[site].unit(volume);
  const longest = [1, most, most, most, most * 8][random.below(5)]!;
  const count = Math.min(blockCount, random.below(longest));
  const lba = random.below(4) === 0 ? blockCount - count : random.below(blockCount - count + 1);
  return { lba, count, blockSize };
}

function written(opcode: number, options: (random: Random) => number = () => 0) {
  return (target: Target): Command => {
    const { lba, count, blockSize } = place(target);
    const { random } = target;
    return { cdb: blockCdb(opcode, lba, count, options(random)), data: random.bytes(count * blockSize) };
  };
}

const fua = (random: Random): number => random.below(2) * 0x08;
const byteCheck = (random: Random): number => random.below(2) * 0x02;

async function current({ world, site, volume }: Target, lba: number, count: number): Promise<Uint8Array> {
  return count === 0 ? NOTHING : world[site].unit(volume).read(lba, count);
}

function unmapOf(target: Target): Command {
  const ranges = Array.from({ length: 1 + target.random.below(5) }, () => place(target, 64));
  const list = new Uint8Array(8 + 16 * ranges.length);
  const view = new DataView(list.buffer);
  view.setUint16(0, list.length - 2);
  view.setUint16(2, list.length - 8);
  ranges.forEach(({ lba, count }, index) => {
    view.setBigUint64(8 + 16 * index, BigInt(lba));
    view.setUint32(16 + 16 * index, count);
  });
  return { cdb: Uint8Array.of(OPCODE.unmap, 0, 0, 0, 0, 0, 0, list.length >>> 8, list.length & 0xff, 0), data: list };
}

/** Any of the two volumes to any, whole blocks of 4096 bytes. */
function copyOf({ world, site, random }: Target): Command {
  const units = (['data', 'log'] as const).map((name) => world[site].unit(name));
  const [from, to] = [random.below(2), random.below(2)];
  const count = random.below(40);
  const field = (value: number, bytes: number): string => value.toString(16).padStart(bytes * 2, '0');
  const lbaIn = (index: number): number => {
    const per = 4096 / units[index]!.blockSize;
    return random.below(units[index]!.blockCount / per - count) * per;
  };
  const blocks = (count * 4096) / units[from]!.blockSize;
  const descriptors = units
    .map(({ worldWideName }) => `e400000001030010${toHex(worldWideName)}0000000000000000`)
    .join('');
  const segment = `02000018${field(from, 2)}${field(to, 2)}0000${field(blocks, 2)}${field(lbaIn(from), 8)}${field(lbaIn(to), 8)}`;
  const list = fromHex(
    `0100${field(descriptors.length / 2, 2)}00000000${field(segment.length / 2, 4)}00000000${descriptors}${segment}`,
  );
  return { cdb: fromHex(`8300${'00'.repeat(8)}${field(list.length, 4)}0000`), data: list };
}

const COMMANDS: Readonly<Record<string, (target: Target) => Command | Promise<Command>>> = {
  'WRITE(10)': written(OPCODE.write10, fua),
  'WRITE(12)': written(OPCODE.write12, fua),
  'WRITE(16)': written(OPCODE.write16, fua),
  'WRITE(6)': (target) => {
    const { lba, count, blockSize } = place(target);
    // 0 stands for 256 in it.
    if (count === 0) return { cdb: blockCdb(OPCODE.write10, lba, 0), data: NOTHING };
    return { cdb: blockCdb(OPCODE.write6, lba, count), data: target.random.bytes(count * blockSize) };
  },
  'WRITE AND VERIFY(10)': written(OPCODE.writeAndVerify10, byteCheck),
  'WRITE AND VERIFY(12)': written(OPCODE.writeAndVerify12, byteCheck),
  'WRITE AND VERIFY(16)': written(OPCODE.writeAndVerify16, byteCheck),
  'WRITE ATOMIC': written(OPCODE.writeAtomic16, fua),
  ORWRITE: written(OPCODE.orWrite16),
  'COMPARE AND WRITE': async (target) => {
    const { lba, count, blockSize } = place(target);
    const data = Buffer.concat([await current(target, lba, count), target.random.bytes(count * blockSize)]);
    return { cdb: blockCdb(OPCODE.compareAndWrite, lba, count), data: new Uint8Array(data) };
  },
  'WRITE SAME(10)': (target) => writeSameOf(target, OPCODE.writeSame10, target.random.below(2) * 8),
  'WRITE SAME(16)': (target) => writeSameOf(target, OPCODE.writeSame16, target.random.below(2) * 8),
  'WRITE SAME(16), no data': (target) => writeSameOf(target, OPCODE.writeSame16, 1 + target.random.below(2) * 8),
  UNMAP: unmapOf,
  'EXTENDED COPY': copyOf,
};

function writeSameOf(target: Target, opcode: number, options: number): Command {
  const { lba, count, blockSize } = place(target);
  const block = target.random.below(2) === 0 ? new Uint8Array(blockSize) : target.random.bytes(blockSize);
  return { cdb: blockCdb(opcode, lba, count, options), data: (options & 1) === 1 ? NOTHING : block };
}

async function send({ world, site, volume }: Target, { cdb, data }: Command): Promise<string> {
  const task = { nexus: 'host', lun: encodeLunField(LUNS[site][volume]), cdb, dataOut: data };
  const expected = { expectedDataOut: data.length, expectedDataIn: 0 };
  for (;;) {
    const reply = await world[site].array().deviceServer.execute({ ...task, ...expected });
    const verdict = verdictOf({ sense: undefined, ...reply });
    if (!verdict.startsWith('6/')) return verdict;
  }
}

async function settle(world: World, site: Site): Promise<void> {
  const [from, to] = [world[site].operations, world[OTHER[site]].operations];
  const { suspendReason } = await from.showJournal('oradb');
  if (suspendReason !== 'none') await resync(from, to);
  await cycleUntilPair(world, from, to);
  await cycle(world, from, to);
  for (const volume of ['data', 'log'] as const) await expectSame(world, volume);
}

async function loseSomething(world: World, site: Site, random: Random): Promise<Site> {
  const what = random.below(4);
  if (what === 0) return site;
  if (what === 1) {
    const { generation, readSequence: sequence } = await world[OTHER[site]].operations.showJournal('oradb');
    await world[site].operations.swapGroup({ group: 'oradb', role: 'auxiliary', generation, sequence });
    await world[OTHER[site]].operations.swapGroup({ group: 'oradb', role: 'primary', generation, sequence });
    return OTHER[site];
  }
  const lost = what === 2 ? site : OTHER[site];
  world[lost].kill();
  world.disks[lost].powerCut();
  await world[lost].start();
  return site;
}

/** Of 512 and of 4096 bytes a block, as the volumes on them. */
function disks(): WorldOptions {
  const opened = new Map<string, VolatileLun>();
  return {
    backing: (array, volume) => `/dev/${array}-${volume}`,
    backings: (clock) => (path) => {
      const large = path.endsWith('log');
      const known = opened.get(path);
      const disk = known ?? createVolatileLun(clock, large ? 255 : 2040, { blockSize: large ? 4096 : 512 });
      if (!known) disk.replace(path);
      opened.set(path, disk);
      return disk.open(path);
    },
  };
}

async function play(seed: number, onDisks = false): Promise<void> {
  const random = createSeededRandom(seed);
  await inWorld(
    async (world) => {
      let site: Site = 'tokyo';
      await formPair(world, 'data');
      await formPair(world, 'log');
      await settle(world, site);
      for (let round = 0; round < ROUNDS; round += 1) {
        for (let step = 0; step < COMMANDS_IN_A_ROUND; step += 1) {
          const volume = random.below(2) === 0 ? 'data' : 'log';
          const [name, make] = Object.entries(COMMANDS)[random.below(Object.keys(COMMANDS).length)]!;
          const target = { world, site, volume, random } as const;
          const command = await make(target);
          const verdict = await send(target, command);
          expect({ name, cdb: toHex(command.cdb), verdict }).toMatchObject({
            verdict: expect.stringMatching(onDisks ? /^good$|^5\/2[04]\/00$/ : /^good$/) as string,
          });
        }
        if (random.below(2) === 0) {
          world[site].kill();
          if (random.below(2) === 0) world.disks[site].powerCut();
          await world[site].start();
        }
        await settle(world, site);
        site = await loseSomething(world, site, random);
      }
    },
    { volumeBlocks: 2040, journalBlocks: 8 + 9 * (40 + random.below(400)), ...(onDisks && disks()) },
  );
}

describe('every command that writes', () => {
  it.each([1, 2])('is on both sides of a pair in the end (seed %i)', (seed) => play(seed));

  it.each([1])('likewise where they lie on disks (seed %i)', (seed) => play(seed, true));
});
