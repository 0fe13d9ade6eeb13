// Tieline's webhook for Zabbix 5.4 and newer (Duktape): posts all parameters as flat strings.
// Macros without a value stay literal on purpose; Tieline knows them. The body is pure ASCII,
// so that what is signed is what is sent. A throw makes Zabbix try again (attempts x interval).
try {
    var p = JSON.parse(value), url = p.URL, secret = p.secret, signing = p.signing, req = new HttpRequest();
    delete p.URL; delete p.secret; delete p.signing; delete p.HTTPProxy;
    var body = JSON.stringify(p).replace(/[\u007f-\uffff]/g, function (c) {
        return '\\u' + ('0000' + c.charCodeAt(0).toString(16)).slice(-4);
    });
    req.addHeader('Content-Type: application/json');
    if (signing === 'hmac') {
        var stamp = String(Math.floor(Date.now() / 1000));
        req.addHeader('X-Tieline-Timestamp: ' + stamp);
        req.addHeader('X-Tieline-Signature: ' + hmac('sha256', secret, stamp + '.' + body));
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
