import { diskSequenceOf, identityOf, numberOf, type DeviceFacts } from './device-facts.ts';
import type { DeviceSystem } from './device-system.ts';

/** By what a device is known again: empty fields are not known. */
export interface DeviceFingerprint {
  /** "8:1": what the path leads to. */
  readonly number: string;
  /** Rises with each device and each medium that the kernel meets under that number (`diskseq` in sysfs, since Linux 5.15). */
  readonly sequence: string;
  readonly serial: string;
  readonly worldWideName: string;
}

export function fingerprintOf(system: DeviceSystem, path: string, facts: DeviceFacts): DeviceFingerprint {
  const { serial, worldWideName } = identityOf(system, facts);
  return { number: numberOf(system, path), sequence: diskSequenceOf(system, facts), serial, worldWideName };
}

/**
 * Why the path may lead to another LUN than it did, in words; undefined where nothing says so. What is not known at one of
 * the two moments (a multipath map between two paths) is no difference.
 */
export function differenceOf(before: DeviceFingerprint, now: DeviceFingerprint): string | undefined {
  if (now.number === '') return 'the path leads to no device any more';
  if (now.number !== before.number) return `the path leads to device ${now.number} now, not to ${before.number}`;
  if (differ(before.sequence, now.sequence)) return 'another device or medium has taken its place';
  if (differ(before.worldWideName, now.worldWideName)) {
    return `it is LUN ${now.worldWideName} now, not ${before.worldWideName}`;
  }
  if (differ(before.serial, now.serial)) return `its serial number is ${now.serial} now, not ${before.serial}`;
  return undefined;
}

function differ(before: string, now: string): boolean {
  return before !== '' && now !== '' && before !== now;
}
