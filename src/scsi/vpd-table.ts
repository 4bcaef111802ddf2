import { bits, flag, number, text, type PageField } from './field-table.ts';

/** What is known of a vital product data page besides its frame. */
export interface VpdDescription {
  readonly title: string;
  readonly fields: readonly PageField[];
}

const blocks = { unit: 'blocks' };

const EXTENDED_INQUIRY: readonly PageField[] = [
  bits('activateMicrocode', 4, 6, 2),
  bits('supportedProtectionTypes', 4, 3, 3),
  flag('guardCheck', 4, 2),
  flag('applicationTagCheck', 4, 1),
  flag('referenceTagCheck', 4, 0),
  flag('unitAttentionSenseKeySpecific', 5, 5),
  flag('groupNumbers', 5, 4),
  flag('priorities', 5, 3),
  flag('headOfQueueTasks', 5, 2),
  flag('orderedTasks', 5, 1),
  flag('simpleTasks', 5, 0),
  flag('writeUncorrectable', 6, 3),
  flag('correctionDisable', 6, 2),
  flag('nonVolatileCache', 6, 1),
  flag('volatileCache', 6, 0),
  flag('protectionIntervals', 7, 4),
  flag('logicalUnitNexusLossClears', 7, 0),
  flag('referralsSupported', 8, 4),
  flag('capabilityBasedSecurity', 8, 0),
  bits('multipleNexusMicrocode', 9, 0, 4),
  number('extendedSelfTestMinutes', 10, 2, { unit: 'min' }),
  flag('powerOnActivation', 12, 7),
  flag('hardResetActivation', 12, 6),
  number('maximumSenseLength', 13, 1, { unit: 'bytes' }),
];

/** SBC-3 6.5.3. */
const BLOCK_LIMITS: readonly PageField[] = [
  flag('writeSameNonZero', 4, 0),
  number('maximumCompareAndWriteLength', 5, 1, blocks),
  number('optimalTransferLengthGranularity', 6, 2, blocks),
  number('maximumTransferLength', 8, 4, blocks),
  number('optimalTransferLength', 12, 4, blocks),
  number('maximumPrefetchLength', 16, 4, blocks),
  number('maximumUnmapBlockCount', 20, 4, blocks),
  number('maximumUnmapDescriptorCount', 24, 4),
  number('optimalUnmapGranularity', 28, 4, blocks),
  flag('unmapGranularityAlignmentValid', 32, 7),
  number('maximumWriteSameLength', 36, 8, blocks),
  number('maximumAtomicTransferLength', 44, 4, blocks),
  number('atomicAlignment', 48, 4, blocks),
  number('atomicTransferLengthGranularity', 52, 4, blocks),
  number('maximumAtomicTransferLengthWithBoundary', 56, 4, blocks),
  number('maximumAtomicBoundarySize', 60, 4, blocks),
];

/** SBC-3 6.5.2. */
const CHARACTERISTICS: readonly PageField[] = [
  number('mediumRotationRate', 4, 2, { words: { 0: 'not reported', 1: 'not rotating' } }),
  number('productType', 6, 1, { words: { 0: 'not reported' } }),
  bits('readsAfterBlockErase', 7, 6, 2, { 0: 'not reported' }),
  bits('readsAfterCryptographicErase', 7, 4, 2, { 0: 'not reported' }),
  bits('nominalFormFactor', 7, 0, 4, {
    0: 'not reported',
    1: '5.25 inch',
    2: '3.5 inch',
    3: '2.5 inch',
    4: '1.8 inch',
    5: 'less than 1.8 inch',
  }),
  flag('forceUnitAccessBehaviour', 8, 1),
  flag('verifyByteCheckUnmappedLba', 8, 0),
];

/** LBPRZ: xx1b means zeros, 010b the provisioning initialization pattern. */
const LBPRZ_WORDS = { 0: 'not promised', 1: 'zeros', 2: 'pattern', 3: 'zeros', 5: 'zeros', 7: 'zeros' };

/** SBC-3 6.5.4. */
const PROVISIONING: readonly PageField[] = [
  number('thresholdExponent', 4, 1),
  flag('unmap', 5, 7),
  flag('writeSame16Unmap', 5, 6),
  flag('writeSame10Unmap', 5, 5),
  bits('readsAsZeros', 5, 2, 3, LBPRZ_WORDS),
  flag('anchor', 5, 1),
  flag('provisioningGroupDescriptor', 5, 0),
  bits('provisioningType', 6, 0, 3, { 0: 'not reported or full', 1: 'resource', 2: 'thin' }),
  number('thresholdPercentage', 7, 1),
];

/** SAT-3 12.4.2: a disk behind a translator of SCSI into ATA. */
const ATA_INFORMATION: readonly PageField[] = [
  text('satVendor', 8, 8),
  text('satProduct', 16, 16),
  text('satRevision', 32, 4),
];

const REFERRALS: readonly PageField[] = [
  number('userDataSegmentSize', 8, 4, blocks),
  number('userDataSegmentMultiplier', 12, 4),
];

const POWER_CONDITION: readonly PageField[] = [
  flag('standbyY', 4, 1),
  flag('standbyZ', 4, 0),
  flag('idleC', 5, 2),
  flag('idleB', 5, 1),
  flag('idleA', 5, 0),
  number('stoppedRecovery', 6, 2, { unit: 'ms' }),
  number('standbyZRecovery', 8, 2, { unit: 'ms' }),
  number('standbyYRecovery', 10, 2, { unit: 'ms' }),
  number('idleARecovery', 12, 2, { unit: 'ms' }),
  number('idleBRecovery', 14, 2, { unit: 'ms' }),
  number('idleCRecovery', 16, 2, { unit: 'ms' }),
];

/** SPC-4 7.8, SBC-3 6.5; pages with a form of their own (00h, 80h, 83h, 8Fh) have no fields here. */
export const VPD_TABLE: ReadonlyMap<number, VpdDescription> = new Map([
  [0x00, { title: 'supported pages', fields: [] }],
  [0x80, { title: 'unit serial number', fields: [] }],
  [0x83, { title: 'device identification', fields: [] }],
  [0x85, { title: 'management network addresses', fields: [] }],
  [0x86, { title: 'extended inquiry data', fields: EXTENDED_INQUIRY }],
  [0x87, { title: 'mode page policy', fields: [] }],
  [0x88, { title: 'SCSI ports', fields: [] }],
  [0x89, { title: 'ATA information', fields: ATA_INFORMATION }],
  [0x8a, { title: 'power condition', fields: POWER_CONDITION }],
  [0x8f, { title: 'third party copy', fields: [] }],
  [0xb0, { title: 'block limits', fields: BLOCK_LIMITS }],
  [0xb1, { title: 'block device characteristics', fields: CHARACTERISTICS }],
  [0xb2, { title: 'logical block provisioning', fields: PROVISIONING }],
  [0xb3, { title: 'referrals', fields: REFERRALS }],
]);
