/**
 * Status codes of an executed interface block. The array says why in words in the edited data; this table says which
 * kind of refusal it is, so that a caller can decide without reading the words.
 */
export const STATUS = {
  ok: 0,
  'bad-block': 1,
  'wrong-array': 2,
  'unknown-process': 3,
  'bad-parameter': 4,
  'not-found': 5,
  'in-use': 6,
  'wrong-state': 7,
  'size-mismatch': 8,
  'split-brain': 9,
  unsafe: 10,
  'peer-unreachable': 11,
  'request-expired': 12,
  'request-reused': 13,
  'moved-on': 14,
  'storage-error': 15,
  'limit-reached': 16,
  busy: 17,
  internal: 18,
  'permission-denied': 19,
  'not-authenticated': 20,
  'stale-signature': 21,
} as const;

export type StatusName = keyof typeof STATUS;

/** What each status says, in the words of the documentation. */
export const STATUS_MEANING: Readonly<Record<StatusName, string>> = {
  ok: 'executed',
  'bad-block': 'the block is torn, forged or of another format: never executed',
  'wrong-array': "the block names another array's serial: never executed",
  'unknown-process': 'this array knows no such process number',
  'bad-parameter': 'an input parameter is malformed or out of its range',
  'not-found': 'a LUN, group, pair or request that does not exist',
  'in-use': 'a volume, journal or name is already in use for something else',
  'wrong-state': 'the state of the group does not allow it',
  'size-mismatch': 'volumes or journals do not fit each other',
  'split-brain': 'both sides hold writes that the other lacks',
  unsafe: 'it would lose or free data that is still needed',
  'peer-unreachable': 'the other array does not answer this one',
  'request-expired': 'the request is older than what the array remembers: whether it was executed is not known',
  'request-reused': 'the same request id came with other content',
  'moved-on': 'a condition that the command named no longer holds (sequence number or generation moved on)',
  'storage-error': 'the storage behind the array failed',
  'limit-reached': 'a limit of the array is reached',
  busy: 'the array cannot take the command now',
  internal: 'a mistake inside the array',
  'permission-denied': 'whoever asks may not ask for this: nothing was executed',
  'not-authenticated': 'a signature is missing, wrong or of an unknown key: nothing was executed',
  'stale-signature': 'the signature was used before, or its challenge is over: nothing was executed for this block',
};

export function statusName(code: number): StatusName | undefined {
  return (Object.keys(STATUS) as StatusName[]).find((name) => STATUS[name] === code);
}
