import { LunError, type Lun } from '../../lun/lun.ts';
import type { Sense } from '../../scsi/fault.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';

/** I_T NEXUS LOSS OCCURRED: what the far array kept for as long as the nexus lasted is gone. */
const NEXUS_LOSS: Sense = { key: SENSE_KEY.unitAttention, asc: 0x29, ascq: 0x07 };
/** Ten may come together after a reset; a unit that has one for every command is broken. */
const MAX_ATTENTIONS = 10;

export interface FarLineParts {
  readonly open: () => Promise<Lun>;
  /** Made before anything else goes over a LUN that was opened: what it is, and what it has to say. */
  readonly greet: (lun: Lun, line: FarLine) => Promise<void>;
  /** Lets go of a LUN that is of no use any more. */
  readonly close: (lun: Lun) => Promise<void> | void;
}

/** The way to the far LUN of one host, or of the array itself: opened when it is needed, and anew after it was lost. */
export class FarLine {
  connected: Lun | undefined;
  /** The far array keeps something for this nexus that ends with it: the host must hear of a loss. */
  holdsState = false;
  /** A registration outlives every loss, but others may end it while the line is away: the host must hear of each. */
  registers = false;
  /** Another host's flush has found that writes of this one may be lost: its own next flush must say so, too. */
  lostWrites = false;
  readonly #parts: FarLineParts;
  readonly #attentions: Sense[] = [];
  #opening: Promise<Lun> | undefined;
  #closing: Promise<void> | void = undefined;
  #ended = false;

  constructor(parts: FarLineParts) {
    this.#parts = parts;
  }

  /** Rejects with `LunError` or `ScsiFault`. */
  connect(): Promise<Lun> {
    if (this.connected) return Promise.resolve(this.connected);
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<Lun> {
    await this.#closing;
    if (this.#ended) throw new LunError('no-path', '', 'the nexus of the host is lost');
    const lun = await this.#parts.open();
    try {
      await this.#parts.greet(lun, this);
    } catch (error) {
      this.#close(lun);
      throw error;
    }
    this.connected = lun;
    return lun;
  }

  /** Another command may have noticed before, and a new connection be there already. */
  lost(lun: Lun): void {
    if (this.connected !== lun) return;
    this.connected = undefined;
    if (this.holdsState || this.registers) this.keep(NEXUS_LOSS);
    this.holdsState = false;
    this.#close(lun);
  }

  #close(lun: Lun): void {
    this.#closing = Promise.resolve(this.#parts.close(lun)).catch(() => undefined);
  }

  /** The far unit has said this while the array asked something of its own; the host is told with its next command. */
  keep(attention: Sense): void {
    if (this.#attentions.length < MAX_ATTENTIONS) this.#attentions.push(attention);
  }

  takeAttention(): Sense | undefined {
    return this.#attentions.shift();
  }

  /** Asks something of the array's own: unit attentions that come instead of the answer are kept for the host. */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    for (let left = MAX_ATTENTIONS; ; left -= 1) {
      try {
        return await question();
      } catch (error) {
        if (!(error instanceof LunError) || error.kind !== 'unit-attention' || left === 0) throw error;
        if (error.sense) this.keep(error.sense);
      }
    }
  }

  /** `last` is done with what is connected before it is closed. */
  async end(last: (lun: Lun) => Promise<void>): Promise<void> {
    this.#ended = true;
    await this.#opening?.catch(() => undefined);
    const lun = this.connected;
    this.connected = undefined;
    if (!lun) return;
    await last(lun).catch(() => undefined);
    await this.#parts.close(lun);
  }
}
