import { LOGIN_STATUS } from './login-pdus.ts';

/** Login status (RFC 7143 section 11.13.5) in words, for people who must do something about it. */
const WORDS: Readonly<Record<number, string>> = {
  [LOGIN_STATUS.targetMovedTemporarily]: 'the target has moved for a while',
  [LOGIN_STATUS.targetMovedPermanently]: 'the target has moved for good',
  [LOGIN_STATUS.initiatorError]: 'the target calls it an initiator error',
  [LOGIN_STATUS.authenticationFailure]:
    'authentication failed: the target wants CHAP, or user or secret are wrong, or were wrong so often that it waits before it looks again',
  [LOGIN_STATUS.authorizationFailure]: 'this initiator may not use the target (its access list does not name it)',
  [LOGIN_STATUS.targetNotFound]: 'no such target at this portal',
  [LOGIN_STATUS.targetRemoved]: 'the target has been removed',
  [LOGIN_STATUS.unsupportedVersion]: 'the target speaks another version of iSCSI',
  [LOGIN_STATUS.tooManyConnections]: 'the target allows no more connections',
  [LOGIN_STATUS.missingParameter]: 'the target misses a parameter',
  [LOGIN_STATUS.cannotIncludeInSession]: 'the connection can not join the session',
  [LOGIN_STATUS.sessionTypeNotSupported]: 'the target does not offer this type of session',
  [LOGIN_STATUS.sessionDoesNotExist]: 'the session does not exist',
  [LOGIN_STATUS.invalidDuringLogin]: 'a request that is invalid during login',
  [LOGIN_STATUS.targetError]: 'the target has a fault of its own',
  [LOGIN_STATUS.serviceUnavailable]: 'the target is not available now',
  [LOGIN_STATUS.outOfResources]: 'the target is out of resources',
};

export function describeLoginStatus(status: number): string {
  const code = `login status 0x${status.toString(16).padStart(4, '0')}`;
  const words = WORDS[status];
  return words === undefined ? `the target refused the login (${code})` : `${words} (${code})`;
}

/** Class 3 is the target's own trouble, which may pass. */
export function isRetriableLoginStatus(status: number): boolean {
  return status >>> 8 === 3;
}

export function isRedirect(status: number): boolean {
  return status >>> 8 === 1;
}

/** Class 2: what the initiator said or is, not what the target has. */
export function isInitiatorsFault(status: number): boolean {
  return status >>> 8 === 2;
}
