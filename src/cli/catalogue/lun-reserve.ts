import type { ArgumentDefinition, CommandDefinition, OptionDefinition } from '../definition.ts';

const lun: ArgumentDefinition = { name: 'lun', doc: 'ARRAY/NAME, ARRAY/NUMBER or iscsi://host:port/iqn/lun' };

const key: OptionDefinition = {
  flags: '--key <key>',
  doc: 'reservation key of this host: 1 to 16 hexadecimal digits',
  kind: 'text',
  required: true,
};

/** As `reservationWords` in `src/scsi/persistent-reservation-out.ts` names them. */
const TYPES = [
  'write-exclusive',
  'exclusive-access',
  'write-exclusive-registrants-only',
  'exclusive-access-registrants-only',
  'write-exclusive-all-registrants',
  'exclusive-access-all-registrants',
] as const;

const heldType: OptionDefinition = {
  flags: '--type <type>',
  doc: 'its type; else that of the reservation there is',
  kind: 'text',
  choices: TYPES,
};

const register: OptionDefinition = {
  flags: '--register',
  doc: 'register the key first, in the same session (for targets that forget it when the session ends)',
  kind: 'flag',
};

const text = () => import('../render/lun-reserve.ts');

export const LUN_RESERVE_COMMANDS: readonly CommandDefinition[] = [
  {
    path: 'lun reserve status',
    summary: 'show who is registered with a LUN and who holds it',
    arguments: [lun],
    examples: ['cdctl lun reserve status tokyo/data'],
    load: () => import('../commands/lun-reserve-status.ts'),
    text,
  },
  {
    path: 'lun reserve register',
    summary: 'register a key of this host; commands with the same key then come as the same initiator port',
    changes: true,
    arguments: [lun],
    options: [
      key,
      { flags: '--through-power-loss', doc: 'keep registrations when the array loses power (APTPL)', kind: 'flag' },
    ],
    examples: ['cdctl lun reserve register tokyo/data --key 0xa1'],
    load: () => import('../commands/lun-reserve-register.ts'),
    text,
  },
  {
    path: 'lun reserve unregister',
    summary: 'end the registration of a key of this host; a reservation that it alone holds ends too',
    changes: true,
    arguments: [lun],
    options: [key],
    examples: ['cdctl lun reserve unregister tokyo/data --key 0xa1'],
    load: () => import('../commands/lun-reserve-unregister.ts'),
    text,
  },
  {
    path: 'lun reserve take',
    summary: 'reserve a LUN for a registered key',
    changes: true,
    arguments: [lun],
    options: [
      key,
      { flags: '--type <type>', doc: 'what others may not do', kind: 'text', choices: TYPES, initial: TYPES[0] },
      register,
    ],
    examples: ['cdctl lun reserve take tokyo/data --key 0xa1 --type write-exclusive-registrants-only'],
    load: () => import('../commands/lun-reserve-take.ts'),
    text,
  },
  {
    path: 'lun reserve release',
    summary: 'give up the reservation that a key of this host holds; its registration stays',
    changes: true,
    arguments: [lun],
    options: [key, heldType],
    examples: ['cdctl lun reserve release tokyo/data --key 0xa1'],
    load: () => import('../commands/lun-reserve-release.ts'),
    text,
  },
  {
    path: 'lun reserve preempt',
    summary: 'end the registration of another key, and take its reservation over',
    changes: true,
    destructive: true,
    arguments: [lun],
    options: [
      key,
      { flags: '--victim <key>', doc: 'the key to end', kind: 'text', required: true },
      heldType,
      register,
      { flags: '--abort', doc: 'end the commands that the other host has under way, too', kind: 'flag' },
    ],
    examples: ['cdctl lun reserve preempt tokyo/data --key 0xa1 --victim 0xb2 --confirm tokyo/data'],
    load: () => import('../commands/lun-reserve-preempt.ts'),
    text,
  },
  {
    path: 'lun reserve clear',
    summary: 'end every registration with a LUN, and the reservation',
    changes: true,
    destructive: true,
    arguments: [lun],
    options: [key, register],
    examples: ['cdctl lun reserve clear tokyo/data --key 0xa1 --confirm tokyo/data'],
    load: () => import('../commands/lun-reserve-clear.ts'),
    text,
  },
];
