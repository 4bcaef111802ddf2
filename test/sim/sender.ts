import { LunError, type Lun, type LunOpener, type PassedAnswer } from '../../src/lun/lun.ts';
import { judgeScsiOutcome } from '../../src/lun/scsi-outcome.ts';
import { SENSE_KEY } from '../../src/scsi/sense.ts';
import { MAPPED } from './layout.ts';
import type { Order } from './commands.ts';
import type { Draws } from './randomness.ts';
import { SimFailure } from './verdict.ts';
import type { ArrayParty, World } from './world.ts';

const TIMEOUT_MS = 4_000;
/** One for each kind of attention may come at once. */
const ATTENTIONS = 10;

export interface Destination {
  readonly array: ArrayParty;
  readonly lun: number;
  /** A disk that the command may touch has failed. */
  readonly hurt: () => boolean;
}

/** Sends commands as an initiator port of its own, each of them once, and judges what they are answered. */
export interface Sender {
  /** True: it was carried out. Rejects with `LunError` where there was no answer. */
  send(order: Order, to: Destination): Promise<boolean>;
  /** The port of this host at an array's LUN. */
  lunAt(array: ArrayParty, lun: number): Promise<Lun>;
  /** What it had open is of no use any more. */
  forget(array: ArrayParty, lun: number): void;
}

export function createSender(world: World, opener: LunOpener, draws: Draws): Sender {
  const ports = new Map<string, Uint8Array>();
  const luns = new Map<string, Promise<Lun>>();

  function portAt({ name }: ArrayParty): Uint8Array {
    const known = ports.get(name) ?? Uint8Array.of(0x80, ...draws.random.bytes(5));
    ports.set(name, known);
    return known;
  }

  function lunAt(array: ArrayParty, lun: number): Promise<Lun> {
    const path = world.access.path(array, lun);
    const known = luns.get(path) ?? opener.open(path, { initiatorPort: portAt(array), timeoutMs: TIMEOUT_MS });
    luns.set(path, known);
    known.catch(() => luns.delete(path));
    return known;
  }

  function forget(array: ArrayParty, lun: number): void {
    const path = world.access.path(array, lun);
    const known = luns.get(path);
    luns.delete(path);
    known?.then((open) => open.close()).catch(() => undefined);
  }

  async function sendOnce(order: Order, { array, lun }: Destination): Promise<PassedAnswer> {
    const unit = await lunAt(array, lun);
    try {
      return await unit.passThrough!.execute({ ...order, timeoutMs: TIMEOUT_MS });
    } catch (error) {
      if (error instanceof LunError && error.kind === 'no-path') forget(array, lun);
      throw error;
    }
  }

  return {
    lunAt,
    forget,
    async send(order, to) {
      for (let left = ATTENTIONS; left > 0; left -= 1) {
        const { status, sense } = await sendOnce(order, to);
        const judged = judgeScsiOutcome(status, sense);
        if (!judged) {
          globalThis.cdctlProbe?.(`${order.what} is carried out`);
          if (to.lun >= MAPPED) globalThis.cdctlProbe?.('a command goes through a virtual volume');
          return true;
        }
        if (judged.kind === 'unit-attention') continue;
        if (judged.kind === 'reservation-conflict') globalThis.cdctlProbe?.('a reservation keeps a command out');
        judge(order, to, judged.sense?.key, judged.words);
        return false;
      }
      world.fail(new SimFailure('no-crash', `${to.array.name} LUN ${to.lun}: attention after attention`));
      return false;
    },
  };

  /** What a unit may answer to a command that is in order. */
  function judge(
    { what, cdb }: Order,
    { array, lun, hurt }: Destination,
    key: number | undefined,
    words: string,
  ): void {
    if (key === SENSE_KEY.miscompare) globalThis.cdctlProbe?.(`${what} finds something else`);
    if (hurt() || key === undefined || ALLOWED.has(key)) return;
    if (lun >= MAPPED && key !== SENSE_KEY.illegalRequest) return;
    const cdbText = Buffer.from(cdb).toString('hex');
    world.fail(new SimFailure('no-crash', `${array.name} LUN ${lun} to ${what} ${cdbText}: ${words}`));
  }
}

const ALLOWED: ReadonlySet<number> = new Set([
  SENSE_KEY.notReady,
  SENSE_KEY.dataProtect,
  SENSE_KEY.copyAborted,
  SENSE_KEY.abortedCommand,
  SENSE_KEY.miscompare,
]);
