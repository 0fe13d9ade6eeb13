// What is sent to the far side; the body is the same as ours.
msg.payload = {type: 'reading.opened', data: msg.reading.body};
msg.headers = {'content-type': 'application/json'};
return msg;
