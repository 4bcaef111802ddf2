import { equalBytes } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import {
  CHAP_ALGORITHMS,
  CHAP_CHALLENGE_LENGTH,
  chapResponse,
  chapResponseMatches,
  chooseChapAlgorithm,
  decodeBinaryValue,
  encodeBinaryValue,
  type ChapCredentials,
} from './chap.ts';
import { parseNumber } from './negotiation.ts';
import type { TextPair } from './text.ts';

/**
 * SHA3-256, SHA-1, MD5, SHA-256. The last stands last because tgt takes its number for SHA-1, and targets take the first
 * that they know.
 */
const OFFER_ORDER: readonly number[] = [8, 6, 5, 7];

/** Who this initiator is; and, for mutual authentication, who the target must prove to be. */
export interface InitiatorCredentials extends ChapCredentials {
  readonly target?: ChapCredentials;
  /** Numbers of `CHAP_ALGORITHMS` that are good enough for this secret; absent: all of them. No other is offered or taken. */
  readonly algorithms?: readonly number[];
}

/**
 * The initiator's side of CHAP (RFC 7143 section 12.1.3): offers algorithms, answers the target's challenge, and with
 * mutual credentials sends one of its own and checks the answer.
 */
export interface ChapExchange {
  /** The pairs of the next request. A violation ends the login. */
  answer(pairs: ReadonlyMap<string, string>): Decoded<TextPair[]>;
  /** Nothing more is to come from this side, and the target has proved itself where it must. */
  complete(): boolean;
  /** In words what was offered, as long as the target has taken none of it. */
  untaken(): string | undefined;
}

export function createChapExchange(credentials: InitiatorCredentials, random: Random): ChapExchange {
  let step: 'algorithm' | 'challenge' | 'proof' | 'complete' = 'algorithm';
  let algorithm = 0;
  const allowed = OFFER_ORDER.filter((known) => credentials.algorithms?.includes(known) ?? true);
  const offer = allowed.join(',');
  const own: { identifier: number; challenge: Uint8Array } = { identifier: 0, challenge: new Uint8Array(0) };

  function answerChallenge(pairs: ReadonlyMap<string, string>): Decoded<TextPair[]> {
    const chosen = chooseChapAlgorithm(pairs.get('CHAP_A') ?? '', allowed);
    if (chosen === undefined) return violated('CHAP_A', pairs.get('CHAP_A') ?? 'nothing', offer);
    const identifier = parseNumber(pairs.get('CHAP_I') ?? '');
    if (identifier === undefined || identifier > 255)
      return violated('CHAP_I', pairs.get('CHAP_I') ?? 'nothing', '0 to 255');
    const challenge = decodeBinaryValue('CHAP_C', pairs.get('CHAP_C') ?? '');
    if (!challenge.ok) return challenge;
    algorithm = chosen;
    const response = chapResponse(algorithm, identifier, credentials.secret, challenge.value);
    const answer: TextPair[] = [
      ['CHAP_N', credentials.name],
      ['CHAP_R', encodeBinaryValue(response)],
    ];
    if (!credentials.target) {
      step = 'complete';
      return decoded(answer);
    }
    own.identifier = random.below(256);
    own.challenge = random.bytes(CHAP_CHALLENGE_LENGTH);
    if (equalBytes(own.challenge, challenge.value)) return violated('CHAP_C', 'our own challenge', 'another one');
    step = 'proof';
    return decoded([...answer, ['CHAP_I', String(own.identifier)], ['CHAP_C', encodeBinaryValue(own.challenge)]]);
  }

  function checkProof(target: ChapCredentials, pairs: ReadonlyMap<string, string>): Decoded<TextPair[]> {
    const name = pairs.get('CHAP_N') ?? 'nothing';
    if (name !== target.name) return violated('CHAP_N', name, target.name);
    const proof = decodeBinaryValue('CHAP_R', pairs.get('CHAP_R') ?? '');
    if (!proof.ok) return proof;
    const expected = chapResponse(algorithm, own.identifier, target.secret, own.challenge);
    if (!chapResponseMatches(expected, proof.value)) {
      return violated('CHAP_R', 'a wrong response', 'proof that the target knows its secret');
    }
    step = 'complete';
    return decoded([]);
  }

  return {
    answer(pairs) {
      switch (step) {
        case 'algorithm':
          step = 'challenge';
          return decoded([['CHAP_A', offer]]);
        case 'challenge':
          return answerChallenge(pairs);
        case 'proof':
          return checkProof(credentials.target!, pairs);
        default:
          return decoded([]);
      }
    },
    complete: () => step === 'complete',
    untaken: () =>
      step === 'challenge' ? allowed.map((known) => CHAP_ALGORITHMS.get(known) ?? '').join(', ') : undefined,
  };
}
