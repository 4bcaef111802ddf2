import { LunError, type Lun, type ScsiRequest } from '../../src/lun/lun.ts';

/** What a scripted unit answers to one command; sense makes it CHECK CONDITION. */
export type ScriptedAnswer = Uint8Array | { readonly sense: readonly [key: number, asc: number, ascq: number] };

export interface ScriptedUnit extends Lun {
  /** CDBs as hex, in the order in which they came. */
  readonly seen: string[];
  readonly sent: Uint8Array[];
}

/** A LUN that answers SCSI commands by rules; what none answers is refused as an unknown operation code. */
export function createScriptedUnit(
  rules: Readonly<Record<string, ScriptedAnswer | ((request: ScsiRequest) => ScriptedAnswer)>>,
): ScriptedUnit {
  const path = 'iscsi://unit';
  const seen: string[] = [];
  const sent: Uint8Array[] = [];
  const unused = async (): Promise<never> => {
    throw new Error('not asked in these tests');
  };
  return {
    path,
    seen,
    sent,
    scsi: {
      async execute(request) {
        const cdb = Buffer.from(request.cdb).toString('hex');
        seen.push(cdb);
        if (request.dataOut) sent.push(request.dataOut);
        // The longest beginning of the CDB that a rule names.
        const [, rule = { sense: [5, 0x20, 0] as const }] = Object.entries(rules)
          .filter(([start]) => cdb.startsWith(start))
          .toSorted(([left], [right]) => right.length - left.length)[0] ?? ['', undefined];
        const answer = typeof rule === 'function' ? rule(request) : rule;
        if (answer instanceof Uint8Array) return answer.subarray(0, request.dataInLength ?? 0);
        const [key, asc, ascq] = answer.sense;
        const kind = key === 2 ? (asc === 0x3a ? 'no-medium' : 'not-ready') : 'check-condition';
        throw new LunError(kind, path, `${path}: ${request.what}: sense ${key}/${asc}/${ascq}`, {
          sense: { key, asc, ascq },
        });
      },
    },
    identify: unused,
    capacity: unused,
    read: unused,
    write: unused,
    flush: unused,
    close: async () => undefined,
  };
}
