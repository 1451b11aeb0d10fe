// In the place of webrtc-polyfill: no WebRTC, and no binary to be downloaded for it.
export const RTCPeerConnection = undefined
export const RTCSessionDescription = undefined
export const RTCIceCandidate = undefined
export const RTCDataChannel = undefined
export default {}
