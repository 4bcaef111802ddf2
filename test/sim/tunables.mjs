// Constants of the product that a quarter of the seeds draw anew, mostly so small that they bind.
export const TUNABLES = [
  { file: 'src/array/group/journal-storing.ts', name: 'GATHER_MS', values: [0, 1, 50] },
  { file: 'src/array/group/journal-storing.ts', name: 'PENDING_BYTES_LIMIT', values: [4_096, 65_536] },
  { file: 'src/array/group/journal-storing.ts', name: 'PENDING_WRITES_LIMIT', values: [1, 3, 20] },
  { file: 'src/array/group/acquisition.ts', name: 'BATCH_RECORDS', values: [1, 2, 7] },
  { file: 'src/array/group/acquisition.ts', name: 'BATCH_BLOCKS', values: [1, 16, 100] },
  { file: 'src/array/group/acquisition.ts', name: 'WAIT_MS', values: [5, 1_000] },
  { file: 'src/array/group/restoration.ts', name: 'RECORDS_PER_TURN', values: [1, 3] },
  { file: 'src/array/group/restoration.ts', name: 'BYTES_PER_COMMIT', values: [512, 8_192] },
  { file: 'src/array/group/copy-formation.ts', name: 'READ_BYTES', values: [8_192, 65_536] },
  { file: 'src/array/group/copy-formation.ts', name: 'DEPTH', values: [1, 2, 16] },
  { file: 'src/array/group/copy-formation.ts', name: 'CHECKPOINT_BYTES', values: [8_192, 65_536] },
  { file: 'src/array/group/follower.ts', name: 'FAILURE_RETRY_MS', values: [10, 200] },
  { file: 'src/array/group/follower.ts', name: 'PEER_TIMEOUT_MS', values: [300, 2_000] },
  { file: 'src/array/store/chunk-map.ts', name: 'SMALLEST_CHUNK_BYTES', values: [4_096, 8_192, 16_384] },
  { file: 'src/array/store/state-log.ts', name: 'COMPACT_BYTES', values: [4_096, 32_768] },
  { file: 'src/array/store/thin-file.ts', name: 'ALLOCATE_AHEAD', values: [0, 1] },
  { file: 'src/array/command-device/slot-table.ts', name: 'HELD_READ_MS', values: [5, 50] },
  { file: 'src/array/command-device/slot-table.ts', name: 'HELD_READ_LIMIT', values: [1, 3] },
  { file: 'src/host/call-state.ts', name: 'IO_SHARE_MS', values: [200] },
];

/** As those above, for the newest swarm only: the others would tell other stories. */
export const LATER_TUNABLES = [{ file: 'src/interface-block/geometry.ts', name: 'SLOT_COUNT', values: [2, 3, 5] }];
