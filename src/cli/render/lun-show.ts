import type { CapacityReport, KernelReport, LunExamination } from '../../lun/examination.ts';
import type { DecodedField } from '../../scsi/field-table.ts';
import type { LunShow } from '../commands/lun-show.ts';
import { formatBytes } from '../values.ts';
import { escapeText } from './escape.ts';
import { hexDump } from './hex.ts';
import { reservationSections } from './reservations.ts';
import { renderSection, spelledOut, type Fact } from './sections.ts';
import type { View } from './view.ts';

export function render(data: LunShow, view: View): string {
  const { examination } = data;
  const sections = [
    view.strong(escapeText(data.path)),
    identitySection(data, view),
    capacitySection(examination, data, view),
    accessSection(examination, view),
    limitsSection(examination, view),
    ...(examination.reservations ? reservationSections(examination.reservations, view) : []),
    ...(data.all ? pageSections(examination, view) : []),
    unknownSection(examination, view),
    data.all || examination.vpd.length === 0 ? '' : view.faint(pagesLine(examination)),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

function identitySection({ identity, examination, label, unfinishedCopy, initiatorName }: LunShow, view: View): string {
  const { inquiry, kernel } = examination;
  const facts: Fact[] = [
    ['vendor', identity.vendor || '-'],
    ['product', identity.product || '-'],
    ['revision', identity.revision || '-'],
    ['serial', identity.serial || '-'],
    ['world wide name', identity.worldWideName || '-'],
    ['type', kernel ? kernelType(kernel) : inquiry && `${inquiry.deviceType}${inquiry.removable ? ', removable' : ''}`],
    [
      'standards',
      inquiry && [inquiry.version, ...inquiry.standards.filter((name) => name !== inquiry.version)].join(', '),
    ],
    [
      'command device',
      label ? `of array ${label.arraySerial} (${label.arrayName}), ${label.commandNumber} commands so far` : 'no',
    ],
    ['contents', unfinishedCopy ? 'a copy onto this LUN was begun and has not ended' : undefined],
    ['state', examination.state],
    ['asked by', initiatorName],
  ];
  return renderSection('identity', facts, view);
}

function kernelType({ kind, device, number, backingFile, builtOn }: KernelReport): string {
  const parts = [`${kind} ${device} (${number})`];
  if (backingFile !== undefined) parts.push(`over ${backingFile}`);
  if (builtOn.length > 0) parts.push(`built on ${builtOn.join(', ')}`);
  return parts.join(', ');
}

function capacitySection({ capacity, kernel, vpd }: LunExamination, data: LunShow, view: View): string {
  if (!capacity) {
    const known = data.capacity;
    return known
      ? renderSection('capacity', [['blocks', `${known.blockCount} of ${known.blockSize} bytes`]], view)
      : '';
  }
  const { blockCount, blockSize, byteLength, physicalBlockSize, lowestAlignedLba, protectionType } = capacity;
  const provisioning = vpd.find(({ page }) => page === 'b2');
  const facts: Fact[] = [
    ['blocks', `${blockCount} of ${blockSize} bytes (${formatBytes(byteLength)})`],
    [
      'physical block',
      `${physicalBlockSize} bytes${lowestAlignedLba === 0 ? '' : `, first at block ${lowestAlignedLba}`}`,
    ],
    ['provisioning', provisioningWords(capacity, kernel, provisioning?.fields ?? [])],
    ['protection', protectionType === 0 ? undefined : `type ${protectionType}`],
  ];
  return renderSection('capacity', facts, view);
}

function provisioningWords(
  { thin, readsZeros }: CapacityReport,
  kernel: KernelReport | undefined,
  fields: readonly DecodedField[],
): string {
  if (kernel) {
    if (kernel.discardMaximum === 0) return 'takes no discard';
    return `discard in units of ${formatBytes(kernel.discardGranularity)}, at most ${formatBytes(kernel.discardMaximum)} at once`;
  }
  if (!thin) return 'full';
  const commands: [string, string][] = [
    ['unmap', 'UNMAP'],
    ['writeSame16Unmap', 'WRITE SAME(16)'],
    ['writeSame10Unmap', 'WRITE SAME(10)'],
  ];
  const taken = commands.filter(([name]) => fields.some((field) => field.name === name && field.value === true));
  const means = taken.length === 0 ? '' : `, given back by ${taken.map(([, title]) => title).join(', ')}`;
  return `thin${means}${readsZeros ? '; unmapped blocks read as zeros' : '; what unmapped blocks read as is not promised'}`;
}

function accessSection({ mode, kernel }: LunExamination, view: View): string {
  if (kernel) {
    const facts: Fact[] = [
      ['write protected', kernel.readOnly],
      ['write cache', kernel.writeCache],
      ['rotational', kernel.rotational],
    ];
    return renderSection('access', facts, view);
  }
  if (!mode) return '';
  const { writeProtected, softwareWriteProtect, writeCache, forceUnitAccess } = mode;
  const why = softwareWriteProtect ? 'yes, by software (SWP)' : 'yes';
  const facts: Fact[] = [
    ['write protected', writeProtected ? why : 'no'],
    ['write cache', writeCache === undefined ? 'not told' : writeCache ? 'on: durable when flushed' : 'off'],
    ['force unit access', forceUnitAccess],
  ];
  return renderSection('access', facts, view);
}

const LIMITS = [
  'maximumTransferLength',
  'optimalTransferLength',
  'maximumCompareAndWriteLength',
  'maximumWriteSameLength',
  'maximumUnmapBlockCount',
  'optimalUnmapGranularity',
  'maximumAtomicTransferLength',
];

function limitsSection({ vpd, kernel }: LunExamination, view: View): string {
  const fields = vpd.find(({ page }) => page === 'b0')?.fields ?? [];
  const facts = fields
    .filter(({ name }) => LIMITS.includes(name))
    .map((field): Fact => [spelledOut(field.name), field.value === 0 ? '-' : words(field)]);
  if (kernel && facts.length === 0 && kernel.transferMaximum > 0) {
    facts.push(['maximum transfer', formatBytes(kernel.transferMaximum)]);
  }
  return renderSection('limits', facts, view);
}

function words({ value, unit }: DecodedField): string {
  const text = value === true ? 'yes' : value === false ? 'no' : String(value);
  return unit === undefined ? text : `${text} ${unit}`;
}

function pageSections({ inquiry, vpd, mode }: LunExamination, view: View): string[] {
  const pages = [
    ...(inquiry ? [{ title: 'standard INQUIRY data', fields: inquiry.fields, bytes: inquiry.bytes, problem: '' }] : []),
    ...vpd.map(({ page, title, fields, bytes, problem = '' }) => {
      return { title: `VPD page ${page}h, ${title}`, fields, bytes, problem };
    }),
    ...(mode?.pages ?? []).map(({ page, title, fields, bytes }) => {
      return { title: `mode page ${page}h${title === '' ? '' : `, ${title}`}`, fields, bytes, problem: '' };
    }),
  ];
  return pages.map(({ title, fields, bytes, problem }) => {
    const facts = fields.map((field): Fact => [spelledOut(field.name), words(field)]);
    if (problem !== '') facts.push(['not readable', problem]);
    const head = renderSection(title, facts, view) || view.strong(title);
    return `${head}\n${view.faint(hexDump(bytes))}`;
  });
}

function unknownSection({ unknown }: LunExamination, view: View): string {
  return renderSection(
    'cannot be seen from here',
    unknown.map(({ what, why }): Fact => [what, why]),
    view,
  );
}

function pagesLine({ vpd, mode }: LunExamination): string {
  const modes = (mode?.pages ?? []).map(({ page }) => `${page}h`);
  const list = [
    `VPD ${vpd.map(({ page }) => `${page}h`).join(' ')}`,
    modes.length > 0 ? `mode ${modes.join(' ')}` : '',
  ];
  return `pages: ${list.filter((part) => part !== '').join('; ')} (all fields: --all)`;
}
