/**
 * Status codes of an executed interface block. The array says why in words in the edited data; this table says which
 * kind of refusal it is, so that a caller can decide without reading the words.
 */
export const STATUS = {
  ok: 0,
  /** The block is torn, forged or of another format: never executed. */
  'bad-block': 1,
  /** The block names another array's serial. */
  'wrong-array': 2,
  'unknown-process': 3,
  /** An input parameter is malformed or out of its range. */
  'bad-parameter': 4,
  /** A LUN, group, pair or request that does not exist. */
  'not-found': 5,
  /** A volume, journal or name is already in use for something else. */
  'in-use': 6,
  /** The state of the group does not allow it. */
  'wrong-state': 7,
  /** Volumes or journals do not fit each other. */
  'size-mismatch': 8,
  /** Both sides hold writes that the other lacks. */
  'split-brain': 9,
  /** It would lose or free data that is still needed. */
  unsafe: 10,
  /** The other array does not answer this one. */
  'peer-unreachable': 11,
  /** The request is older than what the array remembers: whether it was executed is not known. */
  'request-expired': 12,
  /** The same request id came with other content. */
  'request-reused': 13,
  /** A condition that the command named no longer holds (sequence number or generation moved on). */
  'moved-on': 14,
  /** The storage behind the array failed. */
  'storage-error': 15,
  /** A limit of the array is reached. */
  'limit-reached': 16,
  busy: 17,
  /** A mistake inside the array. */
  internal: 18,
} as const;

export type StatusName = keyof typeof STATUS;

export function statusName(code: number): StatusName | undefined {
  return (Object.keys(STATUS) as StatusName[]).find((name) => STATUS[name] === code);
}
