import type { Clock } from '../../base/clock.ts';
import { randomHex, type Random } from '../../base/random.ts';
import { signatureOf } from '../../interface-block/signature.ts';
import { refusal } from '../command-device/request-table.ts';
import type { CommandOutcome } from '../command-device/types.ts';

/** A challenge gives way to the next one after so many signed blocks, or after so long; it holds for as long again. */
export const BLOCKS_OF_A_CHALLENGE = 2048;
export const CHALLENGE_MS = 300_000;

/**
 * Nobody without the key gets an answer by writing again what was overheard, whoever it is, on whatever slot, command device
 * or array, and however late. A signed block must answer the challenge that the array shows or the one before it; of these
 * every signature that was taken is kept, and none is taken twice.
 *
 * In memory alone: an array that is started shows another challenge, and nothing that was signed before holds any more.
 */
export interface SignatureFreshness {
  /** To be shown on command devices: 16 bytes as hex. Drawn when it is first asked for. */
  challenge(): string;
  /** Of a block whose HMAC is right: why it is not taken. Undefined: it is, and never again. */
  refusalOf(block: Uint8Array): CommandOutcome | undefined;
}

interface Turn {
  readonly challenge: string;
  readonly begunMs: number;
  /** HMACs of the blocks that answered it, as hex. */
  readonly taken: Set<string>;
}

const NO_CHALLENGE = '0'.repeat(32);

export function createSignatureFreshness(parts: {
  readonly random: Random;
  readonly clock: Clock;
}): SignatureFreshness {
  const { random, clock } = parts;
  let now: Turn | undefined;
  let before: Turn | undefined;

  const isOver = (turn: Turn, afterMs: number): boolean => clock.monotonicMs() - turn.begunMs >= afterMs;

  function current(): Turn {
    if (now && !isOver(now, CHALLENGE_MS) && now.taken.size < BLOCKS_OF_A_CHALLENGE) return now;
    before = now;
    now = { challenge: randomHex(random, 16), begunMs: clock.monotonicMs(), taken: new Set() };
    return now;
  }

  function turnOf(challenge: string): Turn | undefined {
    const turn = [current(), before].find((known) => known?.challenge === challenge);
    const holds = turn && !isOver(turn, 2 * CHALLENGE_MS) && turn.taken.size < 2 * BLOCKS_OF_A_CHALLENGE;
    return holds ? turn : undefined;
  }

  return {
    challenge: () => current().challenge,
    refusalOf(block) {
      const { challenge, mac } = signatureOf(block);
      if (challenge === NO_CHALLENGE) {
        return refusal(
          'not-authenticated',
          'the signature answers no challenge of this array: sign with a newer cdctl',
        );
      }
      const turn = turnOf(challenge);
      if (!turn) return refusal('stale-signature', 'the challenge that the signature answers is over: sign anew');
      if (turn.taken.has(mac)) return refusal('stale-signature', 'this signature was used before: sign anew');
      turn.taken.add(mac);
      return undefined;
    },
  };
}
