// The same ten fields that the other side of the bench maps.
const event = msg.payload;
msg.reading = {
  title: event.title,
  severity: event.severity,
  status: event.status,
  site: event.site,
  device: event.device,
  line: event.place.line,
  shift: event.place.shift,
  degrees: event.measured[0],
  limit: event.measured[1],
  body: event.body,
};
return msg;
