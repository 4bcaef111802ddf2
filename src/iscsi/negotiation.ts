import { decoded, violated, type Decoded } from '../base/violation.ts';
import type { Digests } from './framing.ts';
import { DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH } from './header.ts';
import type { TextPair } from './text.ts';

/**
 * Operational text negotiation (RFC 7143 sections 6.2 and 13), the same for both roles: a party offers values, the
 * other answers with the outcome of a rule that both know. One negotiator serves one login; names, addresses and
 * authentication are not its business.
 */
type Rule =
  | { readonly kind: 'list' }
  | { readonly kind: 'or' | 'and' }
  | { readonly kind: 'least' | 'greatest' | 'declared'; readonly from: number; readonly to: number }
  /** Keys of RFC 3720 that RFC 7143 section 13.25 wants answered in a fixed way. */
  | { readonly kind: 'fixed'; readonly answer: string };

interface Key {
  readonly rule: Rule;
  /** What holds while nobody has said anything. */
  readonly initial: string;
}

const LENGTH = { from: 512, to: 0xff_ffff };
const NUMBER16 = { from: 1, to: 0xffff };
const SECONDS = { from: 0, to: 3600 };

/** The keys, in the order in which they are offered. MaxBurstLength stands before FirstBurstLength, which it bounds. */
const KEYS = {
  HeaderDigest: { rule: { kind: 'list' }, initial: 'None' },
  DataDigest: { rule: { kind: 'list' }, initial: 'None' },
  InitialR2T: { rule: { kind: 'or' }, initial: 'Yes' },
  ImmediateData: { rule: { kind: 'and' }, initial: 'Yes' },
  MaxRecvDataSegmentLength: {
    rule: { kind: 'declared', ...LENGTH },
    initial: String(DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH),
  },
  MaxBurstLength: { rule: { kind: 'least', ...LENGTH }, initial: '262144' },
  FirstBurstLength: { rule: { kind: 'least', ...LENGTH }, initial: '65536' },
  MaxOutstandingR2T: { rule: { kind: 'least', ...NUMBER16 }, initial: '1' },
  MaxConnections: { rule: { kind: 'least', ...NUMBER16 }, initial: '1' },
  DataPDUInOrder: { rule: { kind: 'or' }, initial: 'Yes' },
  DataSequenceInOrder: { rule: { kind: 'or' }, initial: 'Yes' },
  DefaultTime2Wait: { rule: { kind: 'greatest', ...SECONDS }, initial: '2' },
  DefaultTime2Retain: { rule: { kind: 'least', ...SECONDS }, initial: '20' },
  ErrorRecoveryLevel: { rule: { kind: 'least', from: 0, to: 2 }, initial: '0' },
  TaskReporting: { rule: { kind: 'list' }, initial: 'RFC3720' },
  iSCSIProtocolLevel: { rule: { kind: 'least', from: 0, to: 31 }, initial: '1' },
  IFMarker: { rule: { kind: 'fixed', answer: 'No' }, initial: 'No' },
  OFMarker: { rule: { kind: 'fixed', answer: 'No' }, initial: 'No' },
  IFMarkInt: { rule: { kind: 'fixed', answer: 'Reject' }, initial: 'Reject' },
  OFMarkInt: { rule: { kind: 'fixed', answer: 'Reject' }, initial: 'Reject' },
} as const satisfies Record<string, Key>;

export type OperationalKey = keyof typeof KEYS;
export type OperationalValues = Partial<Record<OperationalKey, string>>;

/** What this side wants unless told otherwise; lists in order of preference. */
export const OWN_VALUES: Readonly<OperationalValues> = {
  HeaderDigest: 'None,CRC32C',
  DataDigest: 'None,CRC32C',
  InitialR2T: 'No',
  ImmediateData: 'Yes',
  MaxRecvDataSegmentLength: '262144',
  MaxBurstLength: '1048576',
  FirstBurstLength: '262144',
  MaxOutstandingR2T: '1',
  MaxConnections: '1',
  DataPDUInOrder: 'Yes',
  DataSequenceInOrder: 'Yes',
  DefaultTime2Wait: '2',
  DefaultTime2Retain: '0',
  ErrorRecoveryLevel: '0',
};

/** What holds for a connection once its login is over. Lengths in bytes. */
export interface OperationalParameters {
  readonly digests: Digests;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  /** The longest data segment that the peer takes, and that this side takes. */
  readonly maxSendDataSegmentLength: number;
  readonly maxRecvDataSegmentLength: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly maxOutstandingR2T: number;
  /** Seconds. */
  readonly defaultTime2Wait: number;
  readonly defaultTime2Retain: number;
  readonly errorRecoveryLevel: number;
}

export interface Negotiator {
  /** The pairs of `own` values with these keys, to be sent as offers or declarations; each key may be offered once. */
  offer(keys: readonly OperationalKey[]): TextPair[];
  /**
   * Takes the peer's pairs, offers and answers to own offers alike, and gives the answers that are due. A violation is
   * a protocol error that ends the login: a key sent twice, an answer outside what was offered.
   */
  receive(pairs: readonly TextPair[]): Decoded<TextPair[]>;
  /** True while an own offer has no answer yet. */
  pending(): boolean;
  result(): OperationalParameters;
}

export function createNegotiator(own: OperationalValues = OWN_VALUES): Negotiator {
  return new KeyNegotiator({ ...OWN_VALUES, ...own });
}

function isOperationalKey(key: string): key is OperationalKey {
  return Object.hasOwn(KEYS, key);
}

class KeyNegotiator implements Negotiator {
  private readonly own: OperationalValues;
  private readonly received = new Set<string>();
  private readonly offered = new Set<OperationalKey>();
  private readonly awaited = new Set<OperationalKey>();
  private readonly outcome = new Map<OperationalKey, string>();
  private declaredLength: string = KEYS.MaxRecvDataSegmentLength.initial;

  constructor(own: OperationalValues) {
    this.own = own;
  }

  offer(keys: readonly OperationalKey[]): TextPair[] {
    return keys.map((key) => {
      if (this.offered.has(key)) throw new Error(`${key} was offered before`);
      const value = this.ownValue(key);
      this.offered.add(key);
      if (KEYS[key].rule.kind === 'declared') this.declaredLength = value;
      else this.awaited.add(key);
      return [key, value];
    });
  }

  receive(pairs: readonly TextPair[]): Decoded<TextPair[]> {
    const answers: TextPair[] = [];
    for (const [key, value] of inTableOrder(pairs)) {
      if (this.received.has(key)) return violated(key, 'sent twice', 'once in a negotiation');
      this.received.add(key);
      if (!isOperationalKey(key)) {
        answers.push([key, 'NotUnderstood']);
        continue;
      }
      if (!this.awaited.delete(key)) answers.push(...this.answer(key, value));
      else if (!this.accept(key, value)) return violated(key, value, `an answer to ${this.ownValue(key)}`);
    }
    return decoded(answers);
  }

  pending(): boolean {
    return this.awaited.size > 0;
  }

  result(): OperationalParameters {
    const maxBurstLength = this.numberOf('MaxBurstLength');
    return {
      digests: { header: this.valueOf('HeaderDigest') === 'CRC32C', data: this.valueOf('DataDigest') === 'CRC32C' },
      initialR2T: this.valueOf('InitialR2T') === 'Yes',
      immediateData: this.valueOf('ImmediateData') === 'Yes',
      maxSendDataSegmentLength: this.numberOf('MaxRecvDataSegmentLength'),
      maxRecvDataSegmentLength: Number(this.declaredLength),
      maxBurstLength,
      firstBurstLength: Math.min(this.numberOf('FirstBurstLength'), maxBurstLength),
      maxOutstandingR2T: this.numberOf('MaxOutstandingR2T'),
      defaultTime2Wait: this.numberOf('DefaultTime2Wait'),
      defaultTime2Retain: this.numberOf('DefaultTime2Retain'),
      errorRecoveryLevel: this.numberOf('ErrorRecoveryLevel'),
    };
  }

  private ownValue(key: OperationalKey): string {
    return this.own[key] ?? KEYS[key].initial;
  }

  private valueOf(key: OperationalKey): string {
    return this.outcome.get(key) ?? KEYS[key].initial;
  }

  private numberOf(key: OperationalKey): number {
    return parseNumber(this.valueOf(key)) ?? 0;
  }

  /** The other side offers or declares. */
  private answer(key: OperationalKey, value: string): TextPair[] {
    const rule: Rule = KEYS[key].rule;
    const result = outcomeOf(rule, this.ownValue(key), value);
    if (result === undefined) return [[key, 'Reject']];
    if (rule.kind === 'declared') {
      this.outcome.set(key, result);
      return [];
    }
    const bounded = key === 'FirstBurstLength' ? leastNumber(result, this.valueOf('MaxBurstLength')) : result;
    this.outcome.set(key, bounded);
    return [[key, bounded]];
  }

  /** The other side answers an own offer; false where no party that keeps to the rules could say so. */
  private accept(key: OperationalKey, value: string): boolean {
    // The peer does not know the key or has no use for it: the initial value stands (RFC 7143 section 6.2).
    if (value === 'NotUnderstood' || value === 'Irrelevant' || value === 'Reject') return true;
    if (outcomeOf(KEYS[key].rule, this.ownValue(key), value) !== value) return false;
    this.outcome.set(key, value);
    return true;
  }
}

/** Keys of the table first, in its order, so that MaxBurstLength is settled before FirstBurstLength. */
function inTableOrder(pairs: readonly TextPair[]): TextPair[] {
  const order = Object.keys(KEYS);
  const rank = (key: string): number => (order.indexOf(key) + order.length + 1) % (order.length + 1);
  return [...pairs].sort(([left], [right]) => rank(left) - rank(right));
}

/** The value that follows from both sides' values; undefined where the offered one is not a value of this key. */
function outcomeOf(rule: Rule, own: string, offered: string): string | undefined {
  switch (rule.kind) {
    case 'list': {
      const supported = own.split(',');
      return offered.split(',').find((value) => supported.includes(value));
    }
    case 'or':
    case 'and':
      return isBoolean(offered) ? booleanOutcome(rule.kind, own, offered) : undefined;
    case 'least':
    case 'greatest':
    case 'declared':
      return numberOutcome(rule, own, offered);
    default:
      return rule.answer;
  }
}

function isBoolean(value: string): boolean {
  return value === 'Yes' || value === 'No';
}

function booleanOutcome(kind: 'or' | 'and', own: string, offered: string): string {
  const strong = kind === 'or' ? 'Yes' : 'No';
  if (own === strong || offered === strong) return strong;
  return kind === 'or' ? 'No' : 'Yes';
}

function numberOutcome(rule: Extract<Rule, { from: number }>, own: string, offered: string): string | undefined {
  const value = parseNumber(offered);
  if (value === undefined || value < rule.from || value > rule.to) return undefined;
  if (rule.kind === 'declared') return String(value);
  const wanted = Number(own);
  return String(rule.kind === 'least' ? Math.min(wanted, value) : Math.max(wanted, value));
}

function leastNumber(left: string, right: string): string {
  return Number(left) <= Number(right) ? left : right;
}

/** Decimal or 0x-hexadecimal (RFC 7143 section 6.1); undefined where it is neither. */
export function parseNumber(text: string): number | undefined {
  return /^(?:\d{1,10}|0[xX][0-9a-fA-F]{1,8})$/.test(text) ? Number(text) : undefined;
}
