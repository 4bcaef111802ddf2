/** Why replication did not do what was asked. The CLI gives each kind its exit code. */
export type RefusalKind =
  /** The request names an array or pair that the group does not have, or contradicts itself. */
  | 'bad-request'
  /** The state that the verb needs (or waits for) does not hold and will not come by waiting. */
  | 'state-does-not-hold'
  /** It could lose writes or make two primaries. */
  | 'refused-for-safety'
  /** An array would refuse it; seen before anything was sent. The status that it would answer stands in the reason. */
  | 'would-be-refused'
  /** An array that the verb needs does not answer. */
  | 'array-unreachable'
  /** The deadline passed; what was begun is resumed by the same command. */
  | 'timeout'
  /** The caller's signal was raised before the work was complete. */
  | 'cancelled';

/** What was refused, why, and what to do next: three sentences without a final full stop, for people. */
export interface Refusal {
  readonly kind: RefusalKind;
  readonly what: string;
  readonly why: string;
  readonly next: string;
}

export class ReplicationRefusal extends Error implements Refusal {
  readonly kind: RefusalKind;
  readonly what: string;
  readonly why: string;
  readonly next: string;
  /** Plain data that shows it: the last observation, a journal status, what each side would lose. */
  readonly evidence: unknown;

  constructor(refusal: Refusal, evidence?: unknown) {
    super(`${refusal.what}: ${refusal.why}`);
    this.name = 'ReplicationRefusal';
    this.kind = refusal.kind;
    this.what = refusal.what;
    this.why = refusal.why;
    this.next = refusal.next;
    this.evidence = evidence;
  }
}
