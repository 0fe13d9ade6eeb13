// Tieline's webhook for Zabbix 5.4 and newer (Duktape; run by a real 6.0.14): posts all parameters as flat strings.
// Macros without a value stay literal on purpose; Tieline knows them. The body is pure ASCII, so that
// what is signed is what is sent. Its hash is the message id: Zabbix' own retries are known as the same
// message. A throw makes Zabbix try again (attempts x interval).
function bytesOf(base64) {
    var letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', bits = 0, have = 0, out = [];
    for (var i = 0; i < base64.length && base64.charAt(i) !== '='; i++) {
        bits = (bits << 6 | letters.indexOf(base64.charAt(i))) & 0xffff;
        have += 6;
        if (have >= 8) { have -= 8; out.push(bits >> have & 0xff); }
    }
    return new Uint8Array(out);
}
function base64Of(hex) {
    var letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', out = '';
    for (var i = 0; i < hex.length; i += 6) {
        var some = hex.substr(i, 6), number = parseInt((some + '000000').substr(0, 6), 16);
        out += letters.charAt(number >> 18) + letters.charAt(number >> 12 & 63);
        out += (some.length > 2 ? letters.charAt(number >> 6 & 63) : '=') + (some.length > 4 ? letters.charAt(number & 63) : '=');
    }
    return out;
}
try {
    var p = JSON.parse(value), url = p.URL, secret = p.secret, signing = p.signing, req = new HttpRequest();
    delete p.URL; delete p.secret; delete p.signing; delete p.HTTPProxy;
    var body = JSON.stringify(p).replace(/[\u007f-\uffff]/g, function (c) {
        return '\\u' + ('0000' + c.charCodeAt(0).toString(16)).slice(-4);
    });
    var id = 'zbx_' + sha256(body), stamp = String(Math.floor(Date.now() / 1000));
    req.addHeader('Content-Type: application/json');
    req.addHeader('webhook-id: ' + id);
    if (signing === 'standard_webhooks') {
        var key = bytesOf(secret.replace(/^whsec_/, ''));
        req.addHeader('webhook-timestamp: ' + stamp);
        req.addHeader('webhook-signature: v1,' + base64Of(hmac('sha256', key, id + '.' + stamp + '.' + body)));
    } else if (signing === 'header') {
        req.addHeader('X-Tieline-Token: ' + secret);
    }
    var answer = req.post(url, body);
    if (req.getStatus() < 200 || req.getStatus() >= 300) {
        throw 'HTTP ' + req.getStatus() + ': ' + String(answer).slice(0, 300);
    }
    return 'OK';
} catch (e) {
    Zabbix.log(3, '[Tieline webhook] ' + e);
    throw 'Tieline webhook failed: ' + e;
}
