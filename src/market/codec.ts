/** The market's bytes, for whoever stores, sends or compares them: the one door to the codec files beside this one. */
export {
  decodeBatch,
  decodeCommand,
  encodeBatch,
  encodeCommand,
  openSequencesMax,
  writeCommand,
} from "./command-codec.ts";
export { decodeReply, encodeReply, readAnswer, writeAnswer } from "./reply-codec.ts";
export { answerHash, bodyHash, definitionHash, itemHash, orderHash } from "./row-hash.ts";
export { encodeState, readState } from "./state-codec.ts";
export { readItem, readOrder, writeItem, writeOrder } from "./value-codec.ts";
