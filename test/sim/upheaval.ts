import { randomHex } from '../../src/base/random.ts';
import { LunError } from '../../src/lun/lun.ts';
import { blockCdb } from '../../src/scsi/cdb.ts';
import { OPCODE } from '../../src/scsi/opcode.ts';
import { RESERVATION_TYPE } from '../../src/scsi/persistent-reservation.ts';
import { persistentOut, type PersistentOut } from '../../src/scsi/persistent-reservation-out.ts';
import type { Order } from './commands.ts';
import { sectorsInBlock } from './effects.ts';
import { contentOf } from './history.ts';
import { MAPPED } from './layout.ts';
import type { Draws } from './randomness.ts';
import { end, sleep, type Life } from './scheduler.ts';
import { createSender, type Sender } from './sender.ts';
import type { ArrayParty, SimGroup, World } from './world.ts';

/**
 * Hosts that get in one another's way, as clusters do: they reserve a volume, by either method, and die with it or give it back, clear
 * what others have left behind, reset units and abort commands in the middle.
 */

/** A unit that was reset, or that another host has reserved. */
export function isUpset({ options }: World, error: LunError): boolean {
  if (options.upheavalEveryMs === 0) return false;
  return error.kind === 'reservation-conflict' || /TASK ABORTED|status 64/.test(error.message);
}

interface Rival {
  readonly world: World;
  readonly draws: Draws;
  readonly life: Life;
  readonly sender: Sender;
  readonly group: SimGroup;
  readonly array: ArrayParty;
  readonly volume: number;
  /** The volume's own, or by way of the other array. */
  readonly near: ArrayParty;
  readonly lun: number;
}

const HOLD_MS = 200;
const ABORT_AFTER_MS = 3;
const BLOCKS = 8;

async function send(rival: Rival, order: Order): Promise<boolean> {
  const { sender, near, lun } = rival;
  return sender.send(order, { array: near, lun, hurt: () => true });
}

function bare(what: string, opcode: number): Order {
  return { what, cdb: Uint8Array.of(opcode, 0, 0, 0, 0, 0), dataInLength: 0 };
}

function persistent(out: PersistentOut): Order {
  const { cdb, list } = persistentOut(out);
  return { what: `PERSISTENT RESERVE OUT (${out.action})`, cdb, dataOut: list, dataInLength: 0 };
}

async function hold({ world, life, draws }: Rival): Promise<void> {
  await sleep(world.scheduler, life, draws.latency(HOLD_MS));
}

/** Dies with it half of the time: it ends with the nexus. */
async function reserve(rival: Rival): Promise<void> {
  if (!(await send(rival, bare('RESERVE(6)', OPCODE.reserve6)))) return;
  await hold(rival);
  if (rival.draws.chance(0.5)) await send(rival, bare('RELEASE(6)', OPCODE.release6));
}

/** Left behind half of the time: it outlives its host. */
async function reservePersistently(rival: Rival): Promise<void> {
  const key = randomHex(rival.draws.random, 8);
  const type = rival.draws.pick(Object.values(RESERVATION_TYPE));
  await send(rival, persistent({ action: 'registerAndIgnoreExistingKey', serviceActionKey: key }));
  if (!(await send(rival, persistent({ action: 'reserve', key, type })))) return;
  await hold(rival);
  if (rival.draws.chance(0.5)) await send(rival, persistent({ action: 'clear', key }));
}

async function clear(rival: Rival): Promise<void> {
  const key = randomHex(rival.draws.random, 8);
  await send(rival, persistent({ action: 'registerAndIgnoreExistingKey', serviceActionKey: key }));
  await send(rival, persistent({ action: 'clear', key }));
}

async function reset({ world, sender, near, lun }: Rival): Promise<void> {
  const unit = await sender.lunAt(near, lun);
  await unit.passThrough!.resetUnit({ timeoutMs: 4_000 });
  globalThis.cdctlProbe?.('a unit is reset');
  world.note(`a host has reset LUN ${lun} of ${near.name}`);
}

/** A write that nobody wants any more while it is under way. */
async function abort({ world, draws, life, sender, group, volume, near, lun }: Rival): Promise<void> {
  const unit = await sender.lunAt(near, lun);
  const first = draws.random.below(world.options.sectors / BLOCKS) * BLOCKS;
  const write = group.model.announce(volume, first, BLOCKS);
  const sectors = sectorsInBlock(volume);
  let giveUp = (): void => undefined;
  const sent = unit.passThrough!.execute({
    what: 'WRITE(16)',
    cdb: blockCdb(OPCODE.write16, first / sectors, BLOCKS / sectors),
    dataOut: contentOf(write.id, BLOCKS),
    dataInLength: 0,
    timeoutMs: 4_000,
    onceAborted: (listener) => (giveUp = listener),
  });
  await sleep(world.scheduler, life, draws.latency(ABORT_AFTER_MS));
  giveUp();
  globalThis.cdctlProbe?.('a command is aborted');
  await sent;
}

const ACTS = [reserve, reservePersistently, clear, clear, reset, reset, abort, abort];

export function startUpheaval(world: World): void {
  const { upheavalEveryMs, volumes, mapped } = world.options;
  if (upheavalEveryMs === 0) return;
  const draws = world.draws('upheaval');
  let number = 0;

  async function live(): Promise<void> {
    const life: Life = { alive: true };
    while (world.chaos) {
      await sleep(world.scheduler, life, draws.latency(upheavalEveryMs));
      number += 1;
      const array = draws.pick(world.arrays);
      const around = mapped && draws.chance(0.3);
      const group = draws.pick(world.groups);
      const volume = draws.between(0, volumes - 1);
      const lun = group.at(array).firstLun + volume + (around ? MAPPED : 0);
      const near = around ? world.arrays.find((other) => other !== array)! : array;
      await upset({ array, group, volume, lun, near });
    }
  }

  /** By a host that is gone afterwards. */
  async function upset(place: Pick<Rival, 'array' | 'group' | 'volume' | 'lun' | 'near'>): Promise<void> {
    const life: Life = { alive: true };
    const sender = createSender(world, world.access.opener(`rival${number}`, life, world.tap), draws);
    try {
      await draws.pick(ACTS)({ world, draws, life, sender, ...place });
    } catch (error) {
      if (!(error instanceof LunError)) world.fail(error);
    }
    end(life);
  }

  void live();
}

/** Whoever is in charge of the hosts lets go of everything that they have left behind. */
export async function letGo(world: World, life: Life): Promise<void> {
  const draws = world.draws('let-go');
  for (const array of world.arrays) {
    for (const group of world.groups) {
      for (let volume = 0; volume < world.options.volumes; volume += 1) {
        const sender = createSender(world, world.access.opener('let-go', life, world.tap), draws);
        const lun = group.at(array).firstLun + volume;
        const unit = await sender.lunAt(array, lun);
        await unit.passThrough!.resetUnit({ timeoutMs: 4_000 });
        await clear({ world, draws, life, sender, group, array, volume, near: array, lun });
      }
    }
  }
}
