# ruff: noqa: RUF001 -- Russian is written in Cyrillic letters
"""Passages in several languages, written for these tests."""

CHINESE = """
合同双方经友好协商,就软件开发与维护事宜达成如下协议。甲方应在收到发票之日起三十日内付款,逾期每日按未付金额的
万分之五支付违约金。乙方保证所交付的软件不侵犯任何第三方的知识产权,并在验收合格后提供为期十二个月的免费维护。
任何一方如需提前终止本合同,应当提前六十日以书面形式通知对方。因不可抗力导致合同无法履行的,双方互不承担责任。
本合同自双方签字盖章之日起生效,一式两份,双方各执一份,具有同等法律效力。今天的天气很好,我们一起去公园散步,
看见很多孩子在湖边放风筝。图书馆里的学生正在准备考试,他们希望明年能够进入理想的大学继续学习计算机科学。
""".replace("\n", "")
JAPANESE = """
本契約は、甲と乙の間で締結されるソフトウェア開発に関する契約です。甲は請求書を受け取った日から三十日以内に代金を
支払うものとします。今日はとても天気が良かったので、友達と一緒に公園を散歩しました。図書館では学生たちが試験の
準備をしています。
""".replace("\n", "")
RUSSIAN = """
Стороны договорились о разработке и сопровождении программного обеспечения. Заказчик обязуется оплатить счёт в
течение тридцати дней со дня его получения. Сегодня была хорошая погода, и мы гуляли в парке у озера.
"""
GERMAN = """
Die Vertragsparteien vereinbaren die Entwicklung und Wartung einer Software. Der Auftraggeber zahlt innerhalb von
dreißig Tagen nach Erhalt der Rechnung. Kündigungen bedürfen der Schriftform und müssen spätestens sechzig Tage
vor Ablauf des Geschäftsjahres eingehen. Heute war schönes Wetter, und wir gingen im Park spazieren.
"""
HINDI = "भारत एक विशाल देश है जहाँ अनेक भाषाएँ बोली जाती हैं और हर राज्य की अपनी संस्कृति है। "
ARABIC = "اللغة العربية هي أكثر اللغات السامية تحدثا وإحدى أكثر اللغات انتشارا في العالم. "
ENGLISH = """
This Agreement is made as of June 21, 1999 by and between the parties named below. The Customer shall pay each
invoice within thirty (30) days of receipt; late payments bear interest at 1.5% per month. Either party may
terminate this Agreement upon sixty days' written notice if the other party fails to cure a material breach. We
walked along the lake this afternoon, where children were flying kites, and talked about what the library had
bought last year. The students are preparing for their examinations and hope to study computer science.
"""
