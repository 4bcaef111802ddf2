import { isAllZero, readU16, toHex } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { checkChecksum, checkSeal, checksum, sealAt } from './checksum.ts';
import { CONTROL_CRC_OFFSET, CONTROL_PARAMETER, type BlockState, type ControlParameter } from './control-parameter.ts';
import {
  CONTROL_SIZE,
  EDITED_DATA_LIMIT,
  FORMAT_VERSION,
  INPUT_LIMIT,
  PAGE_SIZE,
  SLOT_SIZE,
  WRITE_UNIT,
} from './geometry.ts';
import { pageCountOf, pageLengthOf, pageOf } from './paging.ts';

/** A command as a host submits it (S801): control parameter and input parameter of Fig. 6. */
export interface RequestBlock {
  /** Process number. */
  readonly process: number;
  readonly editedDataWanted: boolean;
  /** 16 bytes as hex, not all zeros. */
  readonly requestId: string;
  readonly arraySerial: string;
  readonly admissionNumber: number;
  readonly page: number;
  /** At most 64 bytes of UTF-8. */
  readonly host: string;
  /** At most `INPUT_LIMIT` bytes. */
  readonly input: Uint8Array;
}

/** What a READ of an occupied slot shows. */
export interface SlotContent extends RequestBlock {
  readonly state: Exclude<BlockState, 'free'>;
  /** Status code; meaningful once complete. */
  readonly status: number;
  readonly pageCount: number;
  readonly editedLength: number;
  /** CRC-32 of the whole edited data: pages of two executions of a query do not add up to it. */
  readonly wholeCrc: number;
  /** Page `page` of the edited data; empty until complete. */
  readonly editedPage: Uint8Array;
}

export type Slot = { readonly state: 'free' } | SlotContent;

/** The 4096 bytes that a host writes at the start of a slot (S802). Throws where a value does not fit. */
export function encodeRequestPart(request: RequestBlock): Uint8Array {
  const bytes = new Uint8Array(WRITE_UNIT);
  writeBlock(bytes, unanswered(request, 'submitted'));
  return bytes;
}

/** The slot of a request that has no outcome yet. */
export function unanswered(request: RequestBlock, state: 'submitted' | 'executing'): SlotContent {
  return slotContent(request, { state, status: 0, pageCount: 0, editedLength: 0, wholeCrc: 0, editedPage: NO_BYTES });
}

const NO_BYTES = new Uint8Array(0);

/** Field by field: a spread of one into the other is many times as slow, and this is done several times for each command. */
function slotContent(request: RequestBlock, outcome: Omit<SlotContent, keyof RequestBlock>): SlotContent {
  const { process, editedDataWanted, requestId, arraySerial, admissionNumber, page, host, input } = request;
  const { state, status, pageCount, editedLength, wholeCrc, editedPage } = outcome;
  return {
    process,
    editedDataWanted,
    requestId,
    arraySerial,
    admissionNumber,
    page,
    host,
    input,
    state,
    status,
    pageCount,
    editedLength,
    wholeCrc,
    editedPage,
  };
}

/** The slot of a request with page `request.page` of its outcome; throws where the edited data has no such page. */
export function answered(request: RequestBlock, status: number, editedData: Uint8Array): SlotContent {
  const pageCount = pageCountOf(editedData.length);
  if (request.page >= pageCount) throw new RangeError(`page ${request.page} of ${pageCount}`);
  return slotContent(request, {
    state: 'complete',
    status,
    pageCount,
    editedLength: editedData.length,
    wholeCrc: checksum(editedData),
    editedPage: pageOf(editedData, request.page),
  });
}

/** The 16,384 bytes that the array shows for an occupied slot (S904). */
export function encodeSlot(content: SlotContent): Uint8Array {
  const bytes = new Uint8Array(SLOT_SIZE);
  writeBlock(bytes, content);
  bytes.set(content.editedPage, WRITE_UNIT);
  return bytes;
}

/** `signRequestPart` signs a request that is encoded; an answer is never signed. */
const UNSIGNED = {
  keyName: '',
  mac: '0'.repeat(64),
  challenge: '0'.repeat(32),
  nonce: '0'.repeat(16),
} as const;

const UNSIGNED_FIELDS = Object.keys(UNSIGNED) as (keyof typeof UNSIGNED)[];

function writeBlock(bytes: Uint8Array, content: SlotContent): void {
  if (content.input.length > INPUT_LIMIT) {
    throw new RangeError(`input parameter: ${content.input.length} bytes, limit ${INPUT_LIMIT}`);
  }
  if (content.editedPage.length > PAGE_SIZE) {
    throw new RangeError(`edited data: ${content.editedPage.length} bytes, limit ${PAGE_SIZE}`);
  }
  const { process, editedDataWanted, requestId, arraySerial, admissionNumber, page, host } = content;
  const { state, status, pageCount, editedLength, wholeCrc } = content;
  CONTROL_PARAMETER.encodeInto(bytes, 0, {
    version: FORMAT_VERSION,
    process,
    editedDataWanted,
    state,
    status,
    requestId,
    arraySerial,
    admissionNumber,
    page,
    pageCount,
    editedLength,
    host,
    wholeCrc,
    ...UNSIGNED,
    inputLength: content.input.length,
    pageLength: content.editedPage.length,
    inputCrc: checksum(content.input),
    editedCrc: checksum(content.editedPage),
    controlCrc: 0,
  });
  sealAt(bytes, CONTROL_CRC_OFFSET);
  bytes.set(content.input, CONTROL_SIZE);
}

/** Checks what a host wrote; total. A violation means: never execute it. */
export function decodeRequestPart(bytes: Uint8Array): Decoded<RequestBlock> {
  if (bytes.length !== WRITE_UNIT) return violated('block', `${bytes.length} bytes`, `${WRITE_UNIT} bytes`);
  const control = decodeControl(bytes);
  if (!control.ok) return control;
  const violation = answerFieldSet(control.value);
  if (violation) return violation;
  if (control.value.state !== 'submitted') return violated('control.state', control.value.state, 'submitted');
  if (/^0+$/.test(control.value.requestId)) return violated('control.requestId', 'zeros', 'random bytes');
  const unsigned = UNSIGNED_FIELDS.every((name) => control.value[name] === UNSIGNED[name]);
  if (!unsigned && control.value.keyName === '' && control.value.mac === UNSIGNED.mac) {
    return violated('control.challenge', 'a challenge or a nonce', 'zeros in a block that is not signed');
  }
  const input = decodeInput(bytes, control.value);
  if (!input.ok) return input;
  return decoded(requestOf(control.value, input.value));
}

/** Checks what a host read from a slot; total. A slot of zeros is free. */
export function decodeSlot(bytes: Uint8Array): Decoded<Slot> {
  if (bytes.length !== SLOT_SIZE) return violated('slot', `${bytes.length} bytes`, `${SLOT_SIZE} bytes`);
  if (isAllZero(bytes)) return decoded({ state: 'free' });
  const control = decodeControl(bytes);
  if (!control.ok) return control;
  const { state, status, pageCount, editedLength, wholeCrc } = control.value;
  if (state === 'free') return violated('control.state', state, 'zeros throughout in a free slot');
  const input = decodeInput(bytes, control.value);
  if (!input.ok) return input;
  const page = decodePage(bytes, control.value);
  if (!page.ok) return page;
  const request = requestOf(control.value, input.value);
  return decoded(slotContent(request, { state, status, pageCount, editedLength, wholeCrc, editedPage: page.value }));
}

/** What can be said of bytes that are no sound block, so that their writer can find the array's answer to them. */
export function claimedIdentity(bytes: Uint8Array): { readonly requestId: string; readonly process: number } {
  return { requestId: toHex(bytes.subarray(16, 32)), process: readU16(bytes, 10) };
}

/** The control parameter at the start of `bytes`, its checksum and format version checked. */
export function decodeControl(bytes: Uint8Array): Decoded<ControlParameter> {
  const control = CONTROL_PARAMETER.decode(bytes);
  if (!control.ok) return control;
  const seal = checkSeal('control.controlCrc', bytes, CONTROL_CRC_OFFSET);
  if (!seal.ok) return seal;
  if (control.value.version !== FORMAT_VERSION) {
    return violated('control.version', control.value.version, String(FORMAT_VERSION));
  }
  return control;
}

const ANSWER_FIELDS = ['status', 'pageCount', 'editedLength', 'pageLength', 'editedCrc', 'wholeCrc'] as const;

function answerFieldSet(control: ControlParameter): Decoded<never> | undefined {
  const field = ANSWER_FIELDS.find((name) => control[name] !== 0);
  return field && violated(`control.${field}`, control[field], '0 until the block is complete');
}

function decodeInput(bytes: Uint8Array, control: ControlParameter): Decoded<Uint8Array> {
  const { inputLength, inputCrc } = control;
  if (inputLength > INPUT_LIMIT) return violated('control.inputLength', inputLength, `at most ${INPUT_LIMIT}`);
  const end = CONTROL_SIZE + inputLength;
  const input = new Uint8Array(bytes.subarray(CONTROL_SIZE, end));
  const sum = checkChecksum('control.inputCrc', input, inputCrc);
  if (!sum.ok) return sum;
  if (!isAllZero(bytes.subarray(end, WRITE_UNIT))) return violated('input', 'bytes behind its end', 'zeros');
  return decoded(input);
}

function decodePage(bytes: Uint8Array, control: ControlParameter): Decoded<Uint8Array> {
  const lengths = control.state === 'complete' ? checkPageLengths(control) : answerFieldSet(control);
  if (lengths) return lengths;
  const end = WRITE_UNIT + control.pageLength;
  const page = new Uint8Array(bytes.subarray(WRITE_UNIT, end));
  const sum = checkChecksum('control.editedCrc', page, control.editedCrc);
  if (!sum.ok) return sum;
  if (!isAllZero(bytes.subarray(end))) return violated('edited data', 'bytes behind its end', 'zeros');
  return decoded(page);
}

function checkPageLengths(control: ControlParameter): Decoded<never> | undefined {
  const { editedLength, page, pageCount, pageLength } = control;
  if (editedLength > EDITED_DATA_LIMIT) {
    return violated('control.editedLength', editedLength, `at most ${EDITED_DATA_LIMIT}`);
  }
  const pages = pageCountOf(editedLength);
  if (pageCount !== pages) return violated('control.pageCount', pageCount, `${pages} for ${editedLength} bytes`);
  if (page >= pages) return violated('control.page', page, `less than ${pages}`);
  const expected = pageLengthOf(editedLength, page);
  if (pageLength !== expected) return violated('control.pageLength', pageLength, `${expected} for page ${page}`);
  if (pages === 1 && control.wholeCrc !== control.editedCrc) {
    return violated('control.wholeCrc', control.wholeCrc, `editedCrc ${control.editedCrc}, there being one page`);
  }
  return undefined;
}

function requestOf(control: ControlParameter, input: Uint8Array): RequestBlock {
  const { process, editedDataWanted, requestId, arraySerial, admissionNumber, page, host } = control;
  return { process, editedDataWanted, requestId, arraySerial, admissionNumber, page, host, input };
}
