import type { ReservationReport } from '../../lun/examination.ts';
import { renderRows, renderSection, type Fact } from './sections.ts';
import type { View } from './view.ts';

const ALL_REGISTRANTS = '0'.repeat(16);

/** Who holds the unit, and who is registered with it. */
export function reservationSections(report: ReservationReport, view: View): string[] {
  const { held, keys, registrations, generation, capabilities } = report;
  const facts: Fact[] = [
    [
      'held',
      held ? `${held.type}, ${held.key === ALL_REGISTRANTS ? 'by all registrants' : `by key 0x${held.key}`}` : 'no',
    ],
    ['registered keys', keys.length === 0 ? 'none' : keys.length],
    ['generation', generation],
    ['kept through power loss', capabilities && powerLoss(capabilities)],
  ];
  const sections = [renderSection('persistent reservations', facts, view)];
  if (registrations && registrations.length > 0) {
    const rows = registrations.map(({ key, port, holds }) => [`0x${key}`, port, holds ?? '-']);
    sections.push(renderRows(['KEY', 'INITIATOR PORT', 'HOLDS'], rows, view));
  } else if (keys.length > 0) {
    sections.push(renderRows(['KEY', 'TIMES'], countKeys(keys), view));
  }
  return sections;
}

/** One key may be registered by several ports. */
function countKeys(keys: readonly string[]): (string | number)[][] {
  return [...new Set(keys)].map((key) => [`0x${key}`, keys.filter((other) => other === key).length]);
}

function powerLoss(capabilities: NonNullable<ReservationReport['capabilities']>): string {
  if (capabilities.throughPowerLossActive) return 'yes';
  return capabilities.throughPowerLossCapable ? 'no, but the device can' : 'no, the device cannot';
}
