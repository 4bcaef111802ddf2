import { LunError, type PassedAnswer } from '../../src/lun/lun.ts';
import { checksum } from '../../src/interface-block/checksum.ts';
import { CONTROL_CRC_OFFSET } from '../../src/interface-block/control-parameter.ts';
import { FIRST_SLOT_OFFSET, SLOT_SIZE, WRITE_UNIT } from '../../src/interface-block/geometry.ts';
import { blockCdb } from '../../src/scsi/cdb.ts';
import { OPCODE } from '../../src/scsi/opcode.ts';
import { decodeSense, SENSE_KEY } from '../../src/scsi/sense.ts';
import { garble } from './garble.ts';
import type { Draws } from './randomness.ts';
import { end, sleep, type Life } from './scheduler.ts';
import { SimFailure } from './verdict.ts';
import type { ArrayParty, World } from './world.ts';

/**
 * Somebody who writes to command devices what nobody should: torn blocks, blocks of others sent again, halves of two, sound ones that
 * ask for nothing that there is, in the wrong place or length; commands with fields drawn at random to any LUN; over byte streams
 * what is no PDU, too. The array answers, refuses or closes; nothing of it may be carried out twice or reach what is another host's.
 */

interface Stranger {
  readonly world: World;
  readonly draws: Draws;
  readonly life: Life;
  readonly array: ArrayParty;
}

const TIMEOUT_MS = 2_000;
const BLOCK = 512;
const SLOTS = 5;
const COMMAND_LUNS = [0, 0, 0, 1];

async function send(
  stranger: Stranger,
  lun: number,
  cdb: Uint8Array,
  data: Uint8Array,
  room: number,
): Promise<PassedAnswer> {
  const { world, draws, life, array } = stranger;
  const port = Uint8Array.of(0x80, ...draws.random.bytes(5));
  const opener = world.access.opener('stranger', life);
  const unit = await opener.open(world.access.path(array, lun), { initiatorPort: port, timeoutMs: TIMEOUT_MS });
  for (let left = 5; ; left -= 1) {
    const ask = { what: 'a stranger', cdb, dataInLength: room, timeoutMs: TIMEOUT_MS };
    const answer = await unit.passThrough!.execute({ ...ask, ...(data.length > 0 && { dataOut: data }) });
    const told = answer.sense && decodeSense(answer.sense);
    const key = told?.ok ? told.value.key : undefined;
    if (key === SENSE_KEY.unitAttention && left > 0) continue;
    const isInternal = told?.ok === true && key === SENSE_KEY.hardwareError && told.value.asc === 0x44;
    const { arrays } = world;
    if (isInternal && lun !== 1 && !arrays.some(({ disk }) => disk.hurt)) {
      const text = Buffer.from(cdb).toString('hex');
      world.fail(
        new SimFailure(
          'no-crash',
          `${array.name} LUN ${lun} answers a stranger's ${text} with ${told.value.asc.toString(16)}h`,
        ),
      );
    }
    return answer;
  }
}

/** A block that some host has written lately, or one that is not even like that. */
function heard({ world, draws }: Stranger): Uint8Array {
  const block = world.overheard.length > 0 ? draws.pick(world.overheard) : draws.random.bytes(WRITE_UNIT);
  return block.slice();
}

function torn(stranger: Stranger): Uint8Array {
  const block = heard(stranger);
  const { draws } = stranger;
  const from = draws.random.below(WRITE_UNIT / BLOCK) * BLOCK;
  block.fill(draws.pick([0, 0xff, 0x55]), from, draws.chance(0.5) ? from + BLOCK : WRITE_UNIT);
  return block;
}

function halves(stranger: Stranger): Uint8Array {
  const block = heard(stranger);
  const from = stranger.draws.pick([256, 512, 2048]);
  block.set(heard(stranger).subarray(from), from);
  return block;
}

/** Its checksums are right: a process that there is not, and a request of its own. */
function nonsense(stranger: Stranger): Uint8Array {
  const { draws } = stranger;
  const block = heard(stranger);
  const view = new DataView(block.buffer);
  view.setUint16(10, 0x8000 + draws.random.below(0x7fff));
  block.set(draws.random.bytes(16), 16);
  if (draws.chance(0.3)) block.set(draws.random.bytes(8), 48);
  if (draws.chance(0.3)) view.setUint32(56, draws.random.below(1000));
  view.setUint32(CONTROL_CRC_OFFSET, checksum(block.subarray(0, CONTROL_CRC_OFFSET)));
  return block;
}

function flipped(stranger: Stranger): Uint8Array {
  const block = heard(stranger);
  const at = stranger.draws.random.below(WRITE_UNIT);
  block[at] = block[at]! ^ (1 << stranger.draws.random.below(8));
  return block;
}

const BLOCKS = { torn, halves, nonsense, flipped, again: heard };

/** To a slot as hosts do it; half of the time somebody looks what became of it. */
async function writeBlock(stranger: Stranger): Promise<void> {
  const { draws } = stranger;
  const kind = draws.pick(Object.keys(BLOCKS) as Array<keyof typeof BLOCKS>);
  const lun = draws.pick(COMMAND_LUNS);
  const at = FIRST_SLOT_OFFSET + draws.random.below(SLOTS) * SLOT_SIZE;
  const answer = await send(
    stranger,
    lun,
    blockCdb(OPCODE.write16, at / BLOCK, WRITE_UNIT / BLOCK),
    BLOCKS[kind](stranger),
    0,
  );
  globalThis.cdctlProbe?.(`a stranger writes a block: ${kind}`);
  if (answer.status !== 0 || draws.chance(0.3)) return;
  await send(stranger, lun, blockCdb(OPCODE.read16, at / BLOCK, SLOT_SIZE / BLOCK), NOTHING, SLOT_SIZE);
}

const NOTHING = new Uint8Array(0);

/** Over the label, over several slots, beside one, in other lengths. */
async function writeBeside(stranger: Stranger): Promise<void> {
  const { draws } = stranger;
  const lba = draws.pick([0, 1, 8, 24, 32, 33, 40, 63, 2079, 4095]);
  const count = draws.pick([1, 7, 8, 9, 16, 32, 40, 64]);
  const data = new Uint8Array(count * BLOCK);
  for (let at = 0; at + WRITE_UNIT <= data.length; at += WRITE_UNIT) data.set(heard(stranger), at);
  const isSlot = lba >= 32 && (lba - 32) % (SLOT_SIZE / BLOCK) === 0 && count === WRITE_UNIT / BLOCK;
  const lun = draws.pick(COMMAND_LUNS);
  const answer = await send(stranger, lun, blockCdb(OPCODE.write16, lba, count), data, 0);
  globalThis.cdctlProbe?.('a stranger writes beside a slot');
  if (answer.status !== 0 || isSlot) return;
  const what = `${stranger.array.name} takes ${count} blocks at ${lba} of its command device`;
  stranger.world.fail(new SimFailure('I5-own-answer', what));
}

/** What stops a unit, keeps others out of it or changes its mode: somebody who may do that may. */
const NOT_AT_RANDOM: ReadonlySet<number> = new Set([
  OPCODE.startStopUnit,
  OPCODE.reserve6,
  OPCODE.persistentReserveOut,
  OPCODE.modeSelect6,
  OPCODE.modeSelect10,
  OPCODE.preventAllowMediumRemoval,
  OPCODE.read6,
  OPCODE.read12,
]);
/** Of volumes: what only looks. */
const HARMLESS = [
  OPCODE.inquiry,
  OPCODE.requestSense,
  OPCODE.read10,
  OPCODE.read16,
  OPCODE.verify10,
  OPCODE.verify16,
  OPCODE.modeSense6,
  OPCODE.modeSense10,
  OPCODE.preFetch16,
  OPCODE.readDefectData12,
  OPCODE.persistentReserveIn,
  OPCODE.receiveCopyResults,
  OPCODE.serviceActionIn16,
  OPCODE.maintenanceIn,
  OPCODE.reportLuns,
  0x99,
  0x7f,
  0xff,
];
const LONGEST = 8_192;

/** Random fields, in a known command or in none. */
async function anything(stranger: Stranger): Promise<void> {
  const { world, draws, array } = stranger;
  const { firstLun, journalLun } = draws.pick(world.groups).at(array);
  const lun = draws.pick([0, 1, firstLun, journalLun, 5, 255]);
  const known = Object.values(OPCODE).filter((code) => !NOT_AT_RANDOM.has(code));
  const opcode =
    lun === firstLun ? draws.pick(HARMLESS) : draws.chance(0.9) ? draws.pick(known) : draws.random.below(256);
  if (NOT_AT_RANDOM.has(opcode)) return;
  const cdb = draws.random.bytes(16);
  cdb[0] = opcode;
  // Mostly small numbers, so that not all of them are out of range.
  for (let at = 2; at < 14; at += 1) if (draws.chance(0.8)) cdb[at] = 0;
  if (draws.chance(0.7)) cdb[1] = draws.pick([0, 1, 2, 8, 0x10]);
  const isOut = draws.chance(0.4);
  await send(stranger, lun, cdb, isOut ? draws.random.bytes(draws.between(1, LONGEST)) : NOTHING, isOut ? 0 : LONGEST);
  globalThis.cdctlProbe?.('a stranger sends any command');
}

const ACTS = [writeBlock, writeBlock, writeBlock, writeBeside, anything, anything];

export function startStranger(world: World): void {
  const { strangerEveryMs, bytes } = world.options;
  if (strangerEveryMs === 0) return;
  const draws = world.draws('stranger');

  async function live(): Promise<void> {
    while (world.chaos) {
      await sleep(world.scheduler, { alive: true }, draws.latency(strangerEveryMs));
      const life: Life = { alive: true };
      const stranger = { world, draws, life, array: draws.pick(world.arrays) };
      try {
        await draws.pick(bytes ? [...ACTS, garble, garble] : ACTS)(stranger);
      } catch (error) {
        if (!(error instanceof LunError)) world.fail(error);
      }
      end(life);
    }
  }

  void live();
}

/** What it has left in slots would keep hosts out of them for a minute. */
export async function clearSlots(world: World): Promise<void> {
  const draws = world.draws('clear-slots');
  for (const array of world.arrays) {
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const at = (FIRST_SLOT_OFFSET + slot * SLOT_SIZE) / BLOCK;
      const life = { alive: true };
      await send({ world, draws, life, array }, 0, blockCdb(OPCODE.read16, at, SLOT_SIZE / BLOCK), NOTHING, SLOT_SIZE);
      end(life);
    }
  }
}
