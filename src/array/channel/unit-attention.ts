import type { Sense } from '../../scsi/fault.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';

/** Unit attention conditions in use (SAM-5 5.14), with their additional sense codes. */
export const ATTENTION = {
  powerOn: { key: SENSE_KEY.unitAttention, asc: 0x29, ascq: 0x00 },
  mediumMayHaveChanged: { key: SENSE_KEY.unitAttention, asc: 0x28, ascq: 0x00 },
  modeParametersChanged: { key: SENSE_KEY.unitAttention, asc: 0x2a, ascq: 0x01 },
  reservationsPreempted: { key: SENSE_KEY.unitAttention, asc: 0x2a, ascq: 0x03 },
  reservationsReleased: { key: SENSE_KEY.unitAttention, asc: 0x2a, ascq: 0x04 },
  registrationsPreempted: { key: SENSE_KEY.unitAttention, asc: 0x2a, ascq: 0x05 },
  capacityChanged: { key: SENSE_KEY.unitAttention, asc: 0x2a, ascq: 0x09 },
  inquiryDataChanged: { key: SENSE_KEY.unitAttention, asc: 0x3f, ascq: 0x03 },
  lunListChanged: { key: SENSE_KEY.unitAttention, asc: 0x3f, ascq: 0x0e },
} as const satisfies Readonly<Record<string, Sense>>;

export type AttentionName = keyof typeof ATTENTION;

/** What one nexus has yet to be told about its logical units. */
class NexusAttentions {
  /** Conditions of every unit, since the start of the nexus or a later event; each with the units that told it. */
  readonly #general = new Map<AttentionName, Set<number>>([['powerOn', new Set()]]);
  readonly #ofUnit = new Map<number, Set<AttentionName>>();

  addGeneral(name: AttentionName): void {
    this.#general.delete(name);
    this.#general.set(name, new Set());
  }

  add(lun: number, name: AttentionName): void {
    const names = this.#ofUnit.get(lun) ?? new Set();
    this.#ofUnit.set(lun, names.add(name));
  }

  /** Power on says that everything may have changed, so that it also clears what is older. */
  take(lun: number): AttentionName | undefined {
    for (const [name, told] of this.#general) {
      if (told.has(lun)) continue;
      told.add(lun);
      if (name === 'powerOn') this.#ofUnit.delete(lun);
      return name;
    }
    const names = this.#ofUnit.get(lun);
    const [first] = names ?? [];
    if (first !== undefined) names?.delete(first);
    return first;
  }

  /** REPORT LUNS tells the nexus what the condition was about (SPC-4 6.33). */
  clearLunListChanged(): void {
    this.#general.delete('lunListChanged');
  }
}

/** Pending unit attentions of all nexuses. */
export class UnitAttentions {
  readonly #byNexus = new Map<string, NexusAttentions>();

  /** A nexus begins, or begins anew: power on is pending on every unit. */
  open(nexus: string): void {
    this.#byNexus.set(nexus, new NexusAttentions());
  }

  drop(nexus: string): void {
    this.#byNexus.delete(nexus);
  }

  /** Establishes a condition for all nexuses but `except`, on one unit or, without `lun`, on all of them. */
  establish(name: AttentionName, where: { readonly lun?: number; readonly except?: string } = {}): void {
    for (const [nexus, attentions] of this.#byNexus) {
      if (nexus === where.except) continue;
      if (where.lun === undefined) attentions.addGeneral(name);
      else attentions.add(where.lun, name);
    }
  }

  /** Establishes a condition of one unit for one nexus; one without a session will hear of power on instead. */
  establishFor(nexus: string, lun: number, name: AttentionName): void {
    this.#byNexus.get(nexus)?.add(lun, name);
  }

  /** The next condition of the unit for this nexus, which it thereby has been told. */
  take(nexus: string, lun: number): Sense | undefined {
    const name = this.#of(nexus).take(lun);
    return name === undefined ? undefined : ATTENTION[name];
  }

  clearLunListChanged(nexus: string): void {
    this.#of(nexus).clearLunListChanged();
  }

  /** A transport that has not announced the nexus gets one that begins with its first command. */
  #of(nexus: string): NexusAttentions {
    const known = this.#byNexus.get(nexus);
    if (known) return known;
    this.open(nexus);
    return this.#of(nexus);
  }
}
