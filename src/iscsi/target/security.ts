import { equalBytes } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import {
  CHAP_CHALLENGE_LENGTH,
  chapResponse,
  chapResponseMatches,
  chooseChapAlgorithm,
  decodeBinaryValue,
  encodeBinaryValue,
} from '../chap.ts';
import { parseNumber } from '../negotiation.ts';
import type { TextPair } from '../text.ts';
import type { TargetChap } from './types.ts';

/** `done`: nothing hinders the next stage any more. `refused`: why the initiator is not let in, for the log. */
export type SecurityStep =
  | { readonly kind: 'answer'; readonly answers: readonly TextPair[]; readonly done: boolean }
  | { readonly kind: 'refused'; readonly why: string };

/** The target's side of the security stage (RFC 7143 section 12): AuthMethod, and CHAP where it is configured. */
export interface Security {
  readonly done: boolean;
  receive(values: ReadonlyMap<string, string>): SecurityStep;
}

export const SECURITY_KEYS: ReadonlySet<string> = new Set([
  'AuthMethod',
  'CHAP_A',
  'CHAP_N',
  'CHAP_R',
  'CHAP_I',
  'CHAP_C',
]);

/** What may be tried at this moment of the initiator that is logging in. */
export interface Attempts {
  /** Milliseconds until the next proof is looked at; 0: now. */
  waitMs(): number;
  failed(): void;
  proved(): void;
}

/** `initiatorName` is asked once the initiator has given it. */
export function createSecurity(
  chap: TargetChap | undefined,
  random: Random,
  initiatorName: () => string,
  attempts: Attempts,
): Security {
  return chap ? new ChapSecurity(chap, random, initiatorName, attempts) : OPEN;
}

function refused(why: string): SecurityStep {
  return { kind: 'refused', why };
}

const OPEN: Security = {
  done: true,
  receive(values) {
    const offered = values.get('AuthMethod');
    if (offered === undefined) return { kind: 'answer', answers: [], done: true };
    if (!offered.split(',').includes('None'))
      return refused(`no authentication is configured, ${offered} was asked for`);
    return { kind: 'answer', answers: [['AuthMethod', 'None']], done: true };
  },
};

type ChapStep = 'method' | 'algorithm' | 'response' | 'done';

class ChapSecurity implements Security {
  private readonly chap: TargetChap;
  private readonly random: Random;
  private readonly initiatorName: () => string;
  private readonly attempts: Attempts;
  private step: ChapStep = 'method';
  private algorithm = 0;
  private identifier = 0;
  private challenge: Uint8Array = new Uint8Array(0);

  constructor(chap: TargetChap, random: Random, initiatorName: () => string, attempts: Attempts) {
    this.chap = chap;
    this.random = random;
    this.initiatorName = initiatorName;
    this.attempts = attempts;
  }

  get done(): boolean {
    return this.step === 'done';
  }

  receive(values: ReadonlyMap<string, string>): SecurityStep {
    switch (this.step) {
      case 'method':
        return this.chooseMethod(values.get('AuthMethod'));
      case 'algorithm':
        return this.sendChallenge(values.get('CHAP_A'));
      case 'response':
        return this.checkResponse(values);
      default:
        return { kind: 'answer', answers: [], done: true };
    }
  }

  private chooseMethod(offered: string | undefined): SecurityStep {
    if (!offered?.split(',').includes('CHAP')) return refused(`CHAP is required, offered: ${offered ?? 'nothing'}`);
    this.step = 'algorithm';
    return { kind: 'answer', answers: [['AuthMethod', 'CHAP']], done: false };
  }

  private sendChallenge(offered: string | undefined): SecurityStep {
    const algorithm = chooseChapAlgorithm(offered ?? '', this.chap.algorithms);
    if (algorithm === undefined) return refused(`no common CHAP algorithm in ${offered ?? 'nothing'}`);
    this.algorithm = algorithm;
    this.identifier = this.random.below(256);
    this.challenge = this.random.bytes(CHAP_CHALLENGE_LENGTH);
    this.step = 'response';
    const answers: TextPair[] = [
      ['CHAP_A', String(algorithm)],
      ['CHAP_I', String(this.identifier)],
      ['CHAP_C', encodeBinaryValue(this.challenge)],
    ];
    return { kind: 'answer', answers, done: false };
  }

  private checkResponse(values: ReadonlyMap<string, string>): SecurityStep {
    const name = values.get('CHAP_N');
    const response = decodeBinaryValue('CHAP_R', values.get('CHAP_R') ?? '');
    if (name === undefined || !response.ok) return refused('CHAP_N or CHAP_R is missing or not readable');
    const credentials = this.chap.initiators.find((known) => {
      return known.name === name && (known.initiator ?? this.initiatorName()) === this.initiatorName();
    });
    // An unknown name costs the same time as a wrong secret.
    const expected = chapResponse(this.algorithm, this.identifier, credentials?.secret ?? '', this.challenge);
    const matches = chapResponseMatches(expected, response.value);
    // Where many were wrong even the right one is not looked at: otherwise nobody who guesses would have to wait.
    const waitMs = credentials ? this.attempts.waitMs() : 0;
    if (waitMs > 0) {
      const wait = `the next is looked at in ${Math.ceil(waitMs / 1000)} s`;
      return refused(`too many wrong secrets for ${JSON.stringify(name)} from this address: ${wait}`);
    }
    // With a name that is not known, or another initiator's, there is nothing to guess.
    if (credentials && !matches) this.attempts.failed();
    if (!credentials || !matches) return refused(`wrong CHAP name or secret for ${JSON.stringify(name)}`);
    this.attempts.proved();
    return this.prove(values, credentials.secret);
  }

  /** The initiator is proven; it may want proof in return. */
  private prove(values: ReadonlyMap<string, string>, initiatorSecret: string): SecurityStep {
    const identifierText = values.get('CHAP_I');
    const challengeText = values.get('CHAP_C');
    this.step = 'done';
    if (identifierText === undefined && challengeText === undefined) return { kind: 'answer', answers: [], done: true };
    const own = this.chap.target;
    if (!own) return refused('the initiator asks for mutual CHAP, which is not configured');
    const identifier = parseNumber(identifierText ?? '');
    const challenge = decodeBinaryValue('CHAP_C', challengeText ?? '');
    if (identifier === undefined || identifier > 255 || !challenge.ok)
      return refused('CHAP_I or CHAP_C is not readable');
    // RFC 7143 section 12.1.3: neither a reflected challenge nor one secret for both directions.
    if (equalBytes(challenge.value, this.challenge)) return refused('the initiator sent our own challenge back');
    if (own.secret === initiatorSecret) return refused('the secrets of both directions are the same');
    const response = chapResponse(this.algorithm, identifier, own.secret, challenge.value);
    const answers: TextPair[] = [
      ['CHAP_N', own.name],
      ['CHAP_R', encodeBinaryValue(response)],
    ];
    return { kind: 'answer', answers, done: true };
  }
}
