// Rare paths and faults by name: a long run that never comes by one of them fails, because it proves nothing about it.
const GROUP = 'src/array/group/';

/**
 * Where the product is when it takes the path: `find` is preceded by the probe, under the condition `when`. One in thousand seeds
 * or fewer meet a `rare` one.
 */
export const PROBES = [
  {
    name: 'a record is split at the end of the ring',
    file: 'src/array/journal/journal-volume.ts',
    find: 'for (const run of dataRuns(geometry, tail.offset, blockCount)) {',
    when: 'dataRuns(geometry, tail.offset, blockCount).length > 1',
  },
  {
    name: 'a request that was executed comes again',
    file: 'src/array/execution/command-execution.ts',
    find: "return admission.kind === 'answer'",
    when: "admission.kind === 'answer'",
  },
  {
    name: 'acquisition waits for room in its ring',
    file: `${GROUP}acquisition.ts`,
    find: 'if (ringFull && group.toBeRestored > group.restored.sequence)',
    when: 'ringFull && group.toBeRestored > group.restored.sequence',
  },
  {
    name: 'a copy meets a primary that has restarted',
    file: `${GROUP}copy-formation.ts`,
    find: 'if (after.incarnation !== before.incarnation',
    when: 'after.incarnation !== before.incarnation',
    rare: true,
  },
  {
    name: 'restore waits for the copy of the same chunk',
    file: `${GROUP}restoration.ts`,
    find: 'if (!wait) return;',
    when: 'context.copying.conflict(pair.slot, change.offset, change.length) !== undefined',
  },
  {
    name: 'a restart restores what was ordered before',
    file: `${GROUP}restoration.ts`,
    find: 'if (found.to) await redoChange(',
    when: 'true',
  },
  {
    name: 'a restart puts the journal into the volumes',
    file: `${GROUP}recover.ts`,
    find: 'await redoChange(volume, change);\n  }\n}\n\n/** Behind',
    when: 'true',
  },
  {
    name: 'a restart finds that the journal had failed',
    file: `${GROUP}recover.ts`,
    find: 'if (group.journalLost) return',
    when: 'group.journalLost',
  },
  {
    name: 'a restart meets a record behind a hole',
    file: 'src/array/journal/recovery.ts',
    find: 'if (record.incarnation < incarnationAt(record.sequence)) return',
    when: 'record.incarnation < incarnationAt(record.sequence)',
  },
  {
    name: 'a writer waits while too much is on its way to the volumes',
    file: `${GROUP}host-access.ts`,
    find: 'await pressure.catch(',
    when: 'true',
  },
  {
    name: 'a purge tells of pairs copied before a resync',
    file: 'src/array/execution/journal-commands.ts',
    find: 'return hasFollowed(group, { generation, sequence })',
    when: '!hasFollowed(group, { generation, sequence })',
  },
  {
    name: 'a place on a volume is given again',
    file: 'src/array/store/thin-file.ts',
    find: 'if (reused.size > 0) await data.flush();',
    when: 'reused.size > 0',
  },
  {
    name: 'the state log is compacted',
    file: 'src/array/store/state-log.ts',
    find: 'const fresh = storage.open(COMPACT_NAME);',
    when: 'true',
  },
  {
    name: 'a table is written again whose write had failed',
    file: 'src/array/store/guarded-file.ts',
    find: 'for (const number of doubtful) writePiece(number);',
    when: 'doubtful.size > 0',
  },
  {
    name: 'work of an older epoch is dropped',
    file: `${GROUP}background-work.ts`,
    find: 'parts.update((group) => (workEpoch === epoch ? change(group) : group))',
    when: 'workEpoch !== epoch',
    expression: true,
  },
  {
    name: 'an older copy is found at the primary',
    file: `${GROUP}distrust.ts`,
    find: 'await markEverything(context);\n  await context.update',
    when: "which === 'peer-older-copy'",
  },
  {
    name: 'an older copy is found at the auxiliary',
    file: `${GROUP}distrust.ts`,
    find: 'await context.update(epoch, (state) => suspend(state, which',
    when: "which === 'older-copy'",
  },
  {
    name: 'everything is copied after an older copy',
    file: `${GROUP}acquisition.ts`,
    find: 'if (contact.everything) await markEverything(context);',
    when: 'contact.everything',
  },
  {
    name: 'restoration ends before a damaged record',
    file: `${GROUP}restoration.ts`,
    find: 'if (damage) context.report(damage.message);',
    when: 'damage',
  },
  {
    name: 'a restart meets a damaged auxiliary journal',
    file: `${GROUP}recover.ts`,
    find: 'if (damage) tellLoss(damage);',
    when: 'damage',
  },
  {
    name: 'a damaged journal is given up in a takeover',
    file: 'src/array/execution/role-change.ts',
    find: 'if (before.journalDamaged) await runtime.markUnsent();',
    when: 'before.journalDamaged',
  },
  {
    name: 'everything differs because a journal cannot be read',
    file: `${GROUP}difference-maps.ts`,
    find: 'if (!record) return markEverything();',
    when: '!record',
  },
];

/** What the story tells. */
export const SIGHTS = {
  'a process is killed': / is killed$/,
  'power is lost': / loses power$/,
  'an array stands still': / stands still for /,
  'a clock is set': /^the clock of /,
  'a line goes down': /^line .* goes down$/,
  'a connection is reset': /^connection .* is reset$/,
  'a connection falls silent': /^connection .* falls silent$/,
  'a write fails': /ENOSPC/,
  'a read fails': /EIO: i\/o error, read/,
  'a flush fails': /EIO: i\/o error, fdatasync/,
  'an array stops by itself': / stops by itself/,
  'the journal is full': /suspended: journal-full$/,
  'the journal fails': /suspended: error$/,
  'a swap ends': / swap: done$/,
  'a takeover ends': / (takeover|lose-site): done$/,
  'a split brain is seen': /split.brain/i,
  'a purge is refused': /purge.*(proof|lineage|does not exist)/,
  'a group is dissolved': / delete: done$/,
  'what another group owns is asked for': / mix-up: refused: LUN .* is in pair /,
  'a bit flips at rest': / is flipped: /,
  'a sector becomes unreadable': / is unreadable: /,
  'a write is misdirected': / is misdirected: /,
  'rotten tables are refused': / refuses what has rotted: (?!lun-\d+\.journal)/,
  'a rotten primary journal is put right': / refuses what has rotted: .*\.journal/,
  'what a rotten primary journal lacks is given up': / gives up \d+ writes from record /,
  'a damaged record is not shipped': /split the group, resync it: .*the peer/,
  'somebody lies in wait for a flush': /^somebody has waited for a flush of /,
  'a ring fills up unrestored': /hoarder.* purge: done$/,
  'an older copy is put back': / has an older copy of its storage$/,
  'an older copy is refused': /came back from an older copy/,
};
