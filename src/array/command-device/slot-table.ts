import type { Clock, Timer } from '../../base/clock.ts';
import { FIRST_SLOT_OFFSET, SLOT_COUNT, SLOT_SIZE, slotOffset } from '../../interface-block/geometry.ts';

/** An answer that nobody has read for so long belongs to a host that is gone: its slot may be taken. */
export const ABANDONED_AFTER_MS = 60_000;
/** How long a READ of an unfinished slot waits for the result. */
export const HELD_READ_MS = 500;
/** READs waiting at one time; further ones are answered at once with the slot as it stands. */
export const HELD_READ_LIMIT = 256;

/** What one writer may have of the slots at one time: the rest is left to others, who would else wait for answers that nobody reads. */
export const SLOTS_OF_ONE_WRITER = Math.ceil((SLOT_COUNT * 3) / 4);

export type Claim = 'claimed' | 'joined' | 'occupied';

export interface ClaimedRequest {
  readonly requestId: string;
  /** What the host wrote. */
  readonly block: Uint8Array;
  /** Who wrote it (`askerOf`): only that one is shown the answer, and may put another request in its place. */
  readonly writer: string;
}

/** The slots of a command device: who holds which, what a READ shows, and who waits for a result. */
export interface SlotTable {
  /**
   * `views` make what a READ shows from now on. `joined`: this very block is being executed
   * in this slot. `occupied`: the slot holds another request, or one of another initiator, or the writer has enough others.
   */
  claim(slot: number, request: ClaimedRequest, views: Views): Claim;
  /** S904 with `shown`, S906 (deletes the block) without. */
  complete(slot: number, shown: Uint8Array | undefined): void;
  /**
   * Overlays the slots onto the bytes of the LUN from `offset`; waits up to `HELD_READ_MS` where all that it covers of the
   * reader's own is unfinished. `reader` undefined: whatever is there counts as its own.
   */
  read(offset: number, bytes: Uint8Array, reader: string | undefined): Promise<void>;
}

/** A slot as it is read, while its request is executed and as long as its answer is there. */
export interface Views {
  readonly toWriter: () => Uint8Array;
  readonly toOthers: () => Uint8Array;
}

interface Occupant extends ClaimedRequest {
  /** Made when it is first read: most answers are there before anybody asks. */
  readonly show: () => Uint8Array;
  readonly showOthers: () => Uint8Array;
  /** Monotonic; undefined while executing. */
  readonly completedAtMs: number | undefined;
}

export function createSlotTable(clock: Clock): SlotTable {
  const occupants: (Occupant | undefined)[] = Array.from({ length: SLOT_COUNT }, () => undefined);
  const heldReads = new Set<HeldRead>();

  function mayTake(occupant: Occupant, { requestId, writer }: ClaimedRequest): boolean {
    if (occupant.completedAtMs === undefined) return false;
    if (occupant.requestId === requestId && occupant.writer === writer) return true;
    return isAbandoned(occupant);
  }

  function isAbandoned({ completedAtMs }: Occupant): boolean {
    return completedAtMs !== undefined && clock.monotonicMs() - completedAtMs >= ABANDONED_AFTER_MS;
  }

  function slotsOf(writer: string): number {
    return occupants.filter((occupant) => occupant?.writer === writer && !isAbandoned(occupant)).length;
  }

  /** S905-S906: copies the slots, and deletes those that a whole READ has now delivered. Returns the deletion. */
  function overlay(offset: number, bytes: Uint8Array, reader: string | undefined): () => void {
    const delivered: number[] = [];
    for (const slot of slotsTouching(offset, bytes.length)) {
      const occupant = occupants[slot];
      if (!occupant) continue;
      const own = isOwn(occupant, reader);
      copyOverlap((own ? occupant.show : occupant.showOthers)(), slotOffset(slot), bytes, offset);
      if (!own) continue;
      if (occupant.completedAtMs !== undefined && covers(offset, bytes.length, slot)) delivered.push(slot);
    }
    return () => delivered.forEach((slot) => (occupants[slot] = undefined));
  }

  /** The unfinished slots that this READ should wait for: none where an answer among them is ready. */
  function awaited(offset: number, byteLength: number, reader: string | undefined): Set<number> {
    const held = slotsTouching(offset, byteLength).filter((slot) => {
      const occupant = occupants[slot];
      return occupant && covers(offset, byteLength, slot) && isOwn(occupant, reader);
    });
    const ready = held.some((slot) => occupants[slot]?.completedAtMs !== undefined);
    return new Set(ready ? [] : held);
  }

  return {
    claim(slot, request, views) {
      const occupant = occupants[slot];
      if (occupant && !mayTake(occupant, request)) {
        const isSame = occupant.writer === request.writer && Buffer.compare(occupant.block, request.block) === 0;
        return isSame && occupant.completedAtMs === undefined ? 'joined' : 'occupied';
      }
      const { requestId, block, writer } = request;
      if (occupant?.writer !== writer && slotsOf(writer) >= SLOTS_OF_ONE_WRITER) return 'occupied';
      const shown = { show: once(views.toWriter), showOthers: once(views.toOthers) };
      occupants[slot] = { requestId, block, writer, ...shown, completedAtMs: undefined };
      return 'claimed';
    },

    complete(slot, shown) {
      const occupant = occupants[slot];
      if (!occupant) throw new Error(`slot ${slot} completes without having been claimed`);
      occupants[slot] = shown && { ...occupant, show: () => shown, completedAtMs: clock.monotonicMs() };
      // All who wait get the answer, and only then it is deleted: a host may wait over two paths.
      const waiting = [...heldReads].filter((held) => held.slots.has(slot));
      const deletions = waiting.map((held) => held.answer());
      for (const remove of deletions) remove();
    },

    async read(offset, bytes, reader) {
      const slots = awaited(offset, bytes.length, reader);
      if (slots.size > 0 && heldReads.size < HELD_READ_LIMIT) {
        return hold(clock, heldReads, slots, () => overlay(offset, bytes, reader));
      }
      overlay(offset, bytes, reader)();
    },
  };
}

function isOwn({ writer }: Occupant, reader: string | undefined): boolean {
  return reader === undefined || writer === reader;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

interface HeldRead {
  readonly slots: ReadonlySet<number>;
  /** Ends the wait; the caller runs the deletion that it returns. */
  answer(): () => void;
}

function hold(clock: Clock, heldReads: Set<HeldRead>, slots: Set<number>, overlay: () => () => void): Promise<void> {
  return new Promise((resolve) => {
    let timer: Timer | undefined = undefined;
    const held: HeldRead = {
      slots,
      answer() {
        heldReads.delete(held);
        timer?.cancel();
        resolve();
        return overlay();
      },
    };
    heldReads.add(held);
    timer = clock.setTimer(HELD_READ_MS, () => held.answer()(), { background: true });
  });
}

function slotsTouching(offset: number, byteLength: number): number[] {
  const first = Math.max(0, Math.floor((offset - FIRST_SLOT_OFFSET) / SLOT_SIZE));
  const end = Math.min(SLOT_COUNT, Math.ceil((offset + byteLength - FIRST_SLOT_OFFSET) / SLOT_SIZE));
  return Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);
}

function covers(offset: number, byteLength: number, slot: number): boolean {
  return offset <= slotOffset(slot) && slotOffset(slot) + SLOT_SIZE <= offset + byteLength;
}

/** Copies what two byte ranges of the LUN have in common. */
export function copyOverlap(source: Uint8Array, sourceOffset: number, target: Uint8Array, targetOffset: number): void {
  const start = Math.max(sourceOffset, targetOffset);
  const end = Math.min(sourceOffset + source.length, targetOffset + target.length);
  if (start < end) target.set(source.subarray(start - sourceOffset, end - sourceOffset), start - targetOffset);
}
