// The words of the API by the names that the page uses. The types themselves are generated from the server's document.

import type { components } from "./types";

type Schemas = components["schemas"];

export type Endpoint = Schemas["EndpointView"];
export type Peer = Schemas["PeerView"];
export type PeerOutcome = Schemas["PeerOutcome"];
export type Log = Schemas["LogView"];
export type Totals = Schemas["Totals"];
export type Job = Schemas["JobView"];
export type FileSent = Schemas["FileSent"];
export type Notice = Schemas["Notice"];
export type Board = Schemas["BoardView"];
export type NewBoard = Schemas["NewBoard"];
export type Way = Schemas["Way"];
export type Profile = Schemas["ProfileView"];
export type Example = Schemas["Example"];
export type Warning = Schemas["Remark"];
export type Look = Schemas["Remarks"];
export type FlashFile = Schemas["FlashFile"];
export type Lan = Schemas["LanView"];
export type Place = Schemas["PortView"];
export type NetworkSettings = Schemas["NetworkSettings"];
export type Netstat = Schemas["Netstat"];
export type Connection = Schemas["ConnectionView"];
export type Frame = Schemas["FrameView"];
export type Frames = Schemas["Frames"];
export type Rec = Schemas["Rec"];
export type RecordPage = Schemas["Window"];
export type RunInfo = Schemas["RunView"];
export type RunDetail = Schemas["RunDetail"];
export type Label = Schemas["Label"];
export type Found = Schemas["Found"];
export type Hit = Schemas["HitView"];
export type Hello = Schemas["Hello"];
export type State = Schemas["State"];
export type Targets = Schemas["To"];
export type Payload = Schemas["Data"];
export type Command = Schemas["Command"];
export type Answer = Schemas["Answer"];
export type Message = Schemas["Message"];
export type Snapshot = Extract<Message, { type: "snapshot" }>;
export type Change = Extract<Message, { type: "change" }>;
