import {
  RESERVATION_TYPE,
  ZERO_KEY,
  type HeldReservation,
  type ReservationType,
} from '../../scsi/persistent-reservation.ts';
import { initiatorOf } from '../access/visibility.ts';
import type { AttentionName } from './unit-attention.ts';

/**
 * Persistent reservations of units (SPC-4 5.13). A registration belongs to an initiator port, not to its session: it
 * outlives session loss and resets. It is kept in memory, and ends with the array's process.
 */

interface Reservation {
  readonly type: ReservationType;
  /** The nexus that reserved; with an all registrants type every registrant holds it. */
  readonly holder: string;
}

interface UnitReservations {
  /** PRGENERATION, counts modulo 2^32. */
  generation: number;
  /** Key by nexus, in the order of registration. */
  readonly keys: Map<string, string>;
  reservation: Reservation | undefined;
}

/**
 * Registrations of one unit, and those of one initiator name among them: they outlive sessions, so that an initiator with ever new
 * ISIDs could have any number of them, and leave others no room.
 */
export const MAX_REGISTRANTS = 256;
/** An array that passes on the commands of its hosts is one initiator. */
export const MAX_OF_ONE_INITIATOR = 128;

/** How a service action ends: done, or refused in one of the ways that SPC-4 5.13 gives it. */
export type ReservationOutcome = 'done' | 'conflict' | 'invalid-key' | 'invalid-release' | 'no-room';

export interface Registrant {
  readonly nexus: string;
  readonly key: string;
  readonly holds: ReservationType | undefined;
}

/** Tells a nexus of what another one did to the unit. */
export type Notify = (lun: number, nexus: string, attention: AttentionName) => void;

const REGISTRANTS_ONLY: readonly ReservationType[] = [
  RESERVATION_TYPE.writeExclusiveRegistrantsOnly,
  RESERVATION_TYPE.exclusiveAccessRegistrantsOnly,
];
const ALL_REGISTRANTS: readonly ReservationType[] = [
  RESERVATION_TYPE.writeExclusiveAllRegistrants,
  RESERVATION_TYPE.exclusiveAccessAllRegistrants,
];
const WRITE_EXCLUSIVE: readonly ReservationType[] = [
  RESERVATION_TYPE.writeExclusive,
  RESERVATION_TYPE.writeExclusiveRegistrantsOnly,
  RESERVATION_TYPE.writeExclusiveAllRegistrants,
];

export class PersistentReservations {
  readonly #units = new Map<number, UnitReservations>();
  readonly #notify: Notify;

  constructor(notify: Notify) {
    this.#notify = notify;
  }

  generation(lun: number): number {
    return this.#units.get(lun)?.generation ?? 0;
  }

  registrants(lun: number): readonly Registrant[] {
    const unit = this.#of(lun);
    return [...unit.keys].map(([nexus, key]) => ({
      nexus,
      key,
      holds: holds(unit, nexus) ? unit.reservation?.type : undefined,
    }));
  }

  held(lun: number): HeldReservation | undefined {
    const { reservation, keys } = this.#of(lun);
    if (!reservation) return undefined;
    const shared = ALL_REGISTRANTS.includes(reservation.type);
    return { type: reservation.type, key: shared ? ZERO_KEY : (keys.get(reservation.holder) ?? ZERO_KEY) };
  }

  /** Whether a command that needs this kind of access may run (SPC-4 table 63, SBC-3 table 6). */
  allows(lun: number, nexus: string, access: 'read' | 'write'): boolean {
    const unit = this.#units.get(lun);
    const reservation = unit?.reservation;
    if (!unit || !reservation || holds(unit, nexus)) return true;
    if (REGISTRANTS_ONLY.includes(reservation.type) && unit.keys.has(nexus)) return true;
    return access === 'read' && WRITE_EXCLUSIVE.includes(reservation.type);
  }

  hasRegistrations(lun: number): boolean {
    return (this.#units.get(lun)?.keys.size ?? 0) > 0;
  }

  /** REGISTER; with `ignoreExisting`, the RESERVATION KEY that came along does not matter. */
  register(lun: number, nexus: string, key: string, newKey: string, ignoreExisting: boolean): ReservationOutcome {
    const unit = this.#of(lun);
    const known = unit.keys.get(nexus);
    if (!ignoreExisting && key !== (known ?? ZERO_KEY)) return 'conflict';
    if (newKey !== ZERO_KEY) {
      if (!hasRoomFor(unit, nexus)) return 'no-room';
      unit.keys.set(nexus, newKey);
    } else if (known === undefined) return 'done';
    else this.#unregister(lun, unit, nexus);
    advance(unit);
    return 'done';
  }

  reserve(lun: number, nexus: string, key: string, type: ReservationType): ReservationOutcome {
    const unit = this.#of(lun);
    if (unit.keys.get(nexus) !== key) return 'conflict';
    if (unit.reservation) return holds(unit, nexus) && unit.reservation.type === type ? 'done' : 'conflict';
    unit.reservation = { type, holder: nexus };
    return 'done';
  }

  release(lun: number, nexus: string, key: string, type: number): ReservationOutcome {
    const unit = this.#of(lun);
    if (unit.keys.get(nexus) !== key) return 'conflict';
    if (!unit.reservation || !holds(unit, nexus)) return 'done';
    if (unit.reservation.type !== type) return 'invalid-release';
    this.#endReservation(lun, unit, nexus);
    return 'done';
  }

  clear(lun: number, nexus: string, key: string): ReservationOutcome {
    const unit = this.#of(lun);
    if (unit.keys.get(nexus) !== key) return 'conflict';
    this.#tellOthers(lun, [...unit.keys.keys()], nexus, 'reservationsPreempted');
    unit.keys.clear();
    unit.reservation = undefined;
    advance(unit);
    return 'done';
  }

  /** Which nexuses lost their registration, so that PREEMPT AND ABORT can end their tasks; or why nothing was done. */
  preempt(
    lun: number,
    nexus: string,
    key: string,
    victimKey: string,
    type: ReservationType | undefined,
  ): readonly string[] | Exclude<ReservationOutcome, 'done'> | 'invalid-type' {
    const unit = this.#of(lun);
    if (unit.keys.get(nexus) !== key) return 'conflict';
    const { reservation } = unit;
    const shared = reservation !== undefined && ALL_REGISTRANTS.includes(reservation.type);
    if (victimKey === ZERO_KEY && !shared) return 'invalid-key';
    const takesOver = shared ? victimKey === ZERO_KEY : reservation && this.held(lun)?.key === victimKey;
    if (takesOver)
      return type === undefined ? 'invalid-type' : this.#takeReservation(lun, unit, nexus, victimKey, type);
    const victims = withKey(unit, victimKey);
    if (victims.length === 0) return 'conflict';
    for (const victim of victims) unit.keys.delete(victim);
    if (unit.keys.size === 0) unit.reservation = undefined;
    this.#tellOthers(lun, victims, nexus, 'registrationsPreempted');
    advance(unit);
    return victims;
  }

  /** The holder hands its reservation to another initiator port, which it registers (SPC-4 5.13.8). */
  registerAndMove(
    lun: number,
    nexus: string,
    move: { readonly key: string; readonly newKey: string; readonly to: string; readonly unregister: boolean },
  ): ReservationOutcome {
    const unit = this.#of(lun);
    const { reservation } = unit;
    if (unit.keys.get(nexus) !== move.key || reservation?.holder !== nexus) return 'conflict';
    if (ALL_REGISTRANTS.includes(reservation.type)) return 'conflict';
    if (move.newKey === ZERO_KEY || move.to === nexus) return 'invalid-key';
    if (!hasRoomFor(unit, move.to)) return 'no-room';
    unit.keys.set(move.to, move.newKey);
    unit.reservation = { type: reservation.type, holder: move.to };
    if (move.unregister) unit.keys.delete(nexus);
    advance(unit);
    return 'done';
  }

  /** The unit is gone. */
  dropUnit(lun: number): void {
    this.#units.delete(lun);
  }

  #of(lun: number): UnitReservations {
    const known = this.#units.get(lun);
    if (known) return known;
    const unit: UnitReservations = { generation: 0, keys: new Map(), reservation: undefined };
    this.#units.set(lun, unit);
    return unit;
  }

  /** A holder that leaves releases; an all registrants reservation ends with the last of them. */
  #unregister(lun: number, unit: UnitReservations, nexus: string): void {
    const { reservation } = unit;
    unit.keys.delete(nexus);
    if (!reservation) return;
    const ends = ALL_REGISTRANTS.includes(reservation.type) ? unit.keys.size === 0 : reservation.holder === nexus;
    if (ends) this.#endReservation(lun, unit, nexus);
  }

  /** The other registrants learn of it where the reservation gave them rights (SPC-4 5.13.11.1). */
  #endReservation(lun: number, unit: UnitReservations, nexus: string): void {
    const type = unit.reservation?.type;
    unit.reservation = undefined;
    if (type === undefined || (!REGISTRANTS_ONLY.includes(type) && !ALL_REGISTRANTS.includes(type))) return;
    this.#tellOthers(lun, [...unit.keys.keys()], nexus, 'reservationsReleased');
  }

  #takeReservation(
    lun: number,
    unit: UnitReservations,
    nexus: string,
    victimKey: string,
    type: ReservationType,
  ): readonly string[] {
    const before = unit.reservation?.type;
    const victims = (victimKey === ZERO_KEY ? [...unit.keys.keys()] : withKey(unit, victimKey)).filter(
      (victim) => victim !== nexus,
    );
    for (const victim of victims) unit.keys.delete(victim);
    unit.reservation = { type, holder: nexus };
    this.#tellOthers(lun, victims, nexus, 'registrationsPreempted');
    if (before !== type) this.#tellOthers(lun, [...unit.keys.keys()], nexus, 'reservationsReleased');
    advance(unit);
    return victims;
  }

  #tellOthers(lun: number, nexuses: readonly string[], except: string, attention: AttentionName): void {
    for (const nexus of nexuses) if (nexus !== except) this.#notify(lun, nexus, attention);
  }
}

function holds(unit: UnitReservations, nexus: string): boolean {
  const { reservation } = unit;
  if (!reservation) return false;
  return ALL_REGISTRANTS.includes(reservation.type) ? unit.keys.has(nexus) : reservation.holder === nexus;
}

function hasRoomFor({ keys }: UnitReservations, nexus: string): boolean {
  if (keys.has(nexus)) return true;
  const initiator = initiatorOf(nexus);
  const own = [...keys.keys()].filter((other) => initiatorOf(other) === initiator).length;
  return keys.size < MAX_REGISTRANTS && own < MAX_OF_ONE_INITIATOR;
}

function withKey(unit: UnitReservations, key: string): string[] {
  return [...unit.keys].filter(([, registered]) => registered === key).map(([nexus]) => nexus);
}

function advance(unit: UnitReservations): void {
  unit.generation = (unit.generation + 1) >>> 0;
}
