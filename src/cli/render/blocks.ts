import { annotatedLines } from '../../base/layout-document.ts';
import { describeViolation } from '../../base/violation.ts';
import type { BlockDescription, DumpSection } from '../../interface-block/describe.ts';
import type { PlannedBlock } from '../planned-blocks.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function renderSections(sections: readonly DumpSection[], view: View): string {
  return sections
    .map(({ title, fields }) =>
      [view.accent(title), ...annotatedLines(fields).map((line) => `  ${escapeText(line)}`)].join('\n'),
    )
    .join('\n');
}

export function renderDescription(description: BlockDescription, view: View): string {
  const { violation, processName, processDoc, statusName, refusal, sections } = description;
  const lines: string[] = [];
  if (violation) lines.push(`${view.bad('does not check')}: ${escapeText(describeViolation(violation))}`);
  if (processName) lines.push(`${view.strong(processName)}  ${escapeText(processDoc ?? '')}`);
  if (statusName)
    lines.push(`${view.faint('status')}  ${statusName}${refusal === undefined ? '' : `: ${escapeText(refusal)}`}`);
  return [...lines, renderSections(sections, view)].join('\n');
}

/** Each step of a dry run: what, where, why, and the bytes. */
export function renderPlan(plan: readonly PlannedBlock[], view: View): string {
  if (plan.length === 0) return view.faint('nothing to do: it is already so');
  return plan.map((step, index) => renderStep(step, index, view)).join('\n\n');
}

function renderStep(step: PlannedBlock, index: number, view: View): string {
  const number = `0x${step.processNumber.toString(16).padStart(4, '0')}`;
  return [
    `${view.strong(`${index + 1}. ${step.id}`)}  ${escapeText(step.process)} (${number}) to ${escapeText(step.array)}`,
    `  ${escapeText(step.why)}`,
    `  ${view.faint(`decided when it is sent: ${step.provisional.join(', ')}`)}`,
    renderSections(step.block.sections, view),
  ].join('\n');
}
