"""How natural persons are called (имя физического лица), so that no such name is taken for that of an organisation.

All of it is a rule of thumb (assumption). A name says that it is a person's by a patronymic, by initials beside a
surname, by a given name beside a surname, or by what only a person is (a sole trader, a citizen, a farm's head). What
stands in quotes is what a body is called, and what follows `имени` is whom it is called after: neither is a person.

No list has the names of all peoples. What cannot be told from a body's name ("John Smith", "Мороз А.") may be a
person's (`PERHAPS`), and so may every name in Cyrillic that has a name's form and nothing of an organisation's:
two to four capitalised words ("Ли Вэй") without a legal form, quotes, a digit, or a word that bodies are called by. In
Latin letters that form is one of firms, too: there the lists decide. The edition says whether such a name is refused.

Any other name that shows nothing of a body (`BARE`: "Bo Li", "Мороз", "ли вэй") is one that a register of legal
entities never has, for there every name has its legal form; but people write bodies so ("Google"). The edition says of
this by itself whether it is refused: where the names of bodies have no legal form, everything would be.
"""

import re
import unicodedata
from collections.abc import Sequence
from enum import Enum
from typing import Final

_GIVEN: Final = frozenset(
    re.findall(
        r"\S+",
        """
    aleh aleksandr aleksandra aleksei alena ales alesia alesya alexandr alexey aliaksandr aliaksei alina
    anastasia anatoly andrei andrey anna anton arciom artem artsiom bahdan barys boris daria dmitri dmitry
    dzianis dzmitry ekaterina elena evgeny galina gennady grigory halina hanna henadz hienadz igor ihar ilya
    irina iryna ivan jan janka kastus katsiaryna kirill kiryl konstantin ksenia larisa larysa leonid liudmila
    lyudmila maksim maria marina maryia maxim mikalai mikhail mikhas mikola nadezhda nasta nastassia natalia
    natallia nikita nikolai nikolay nina oksana oleg olga palina pavel petr piotr polina pyotr raman roman
    ruslan sergei sergey siarhei siarhej stanislau stanislav stepan svetlana sviatlana taras tatiana tatsiana
    uladzimir usevalad vadim vadzim valentina vasil vasily veronika viktor viktoryia vitali vitaly vladimir
    vladislav volha vyacheslav yanina yanka yaroslav yauheni yulia yuri yury zmicier zmitser агата агафья агния
    адам адольф азамат азиз айгуль айдар айнур аким акмаль аксана ала алаіза алевтина алег александр александра
    алексей алена алесь алеся али алина алиса алишер алла альберт альбина аляксандр аляксей аліна амина амир
    анастасия анастасія анатолий анатоль анвар ангелина ангеліна андрей андрусь андрэй анжелика анжэла анна
    антаніна антон антонина антось анфиса апалінарый апанас арина аристарх аркадзь аркадий армен арсен арсений
    арсень арсеній артем артемий артур архип арцем ася афанасий ахмат ахмед ашот аўген аўгіння аўдоцця багдан
    багдана багуслаў баляслаў барыс бахтияр беата бекзод богдан богдана божена борис борислав браніслава
    браніслаў бронислав бронислава вадзім вадим валентин валентина валерий валерия валерый валерыя валянцін
    валянціна ванда варвара варлам василий василина василиса васіль вахтанг вацлав вацлаў вениамин вера вераніка
    вероника викентий виктор виктория вилен вильгельм виолетта виталий витольд влада владимир владислав владлен
    войцех вольга вольгерд всевалад всеволод вячаслаў вячеслав вячеслава віктар вікторыя вінцук вінцэнт вінцэсь
    віталь віталій віталія вітаўт вітольд віялета габриэль гавриил галина галіна ганна гардзей гарик гаўрыла
    гаўрыіл генадзь геннадий генрих генрых георгий георгій геральд герасим герман гиви глафира глеб гражына
    григорий грыгорый грышка гульнара гурам гусейн давид давід дамир дамінік даміян даниил данила данута данік
    даніла дар'я дарафей дарина дарыя дарья демьян денис джамал джамиля джамшид дзмітры дзмітрый дзям'ян дзяніс
    диана дина динара дмитрий доминика дуся ева евгений евгения евдокия евлалия егор екатерина елена елизавета
    елисей емельян ермолай есения ефим ефрасіння ефрем ефросинья еўдакія еўфрасіння жана жанна жасмин жасур
    жыгімонт зарема зарина заур захар захария земфира зинаида злата змицер змітрок зміцер зоська зося зоф'я зоя
    зульфия зураб зінаіда ибрагим иван игнат игнатий игорь изабелла изольда иларион ильгиз ильдар ильшат илья
    инесса инна иннокентий иоанн иосиф ипполит ирина кажымір казимир казімір каліна камила камиль кандрат
    канстанцыя канстанцін капитолина карина карл карней каруся карына карэн каспар кастусь касьян кацярына кира
    кирилл клавдия клара клаўдзія клим климент клім константин корней кристина крысціна крысціян крыштаф ксения
    ксенія кузьма куприян кірыл кірылка лаврентий лариса ларыса леанард леанід лейла леонард леонид леся лидия
    лизавета лилиана лилия лука лукаш люба любовь любоў людвік людвіка людмила людміла люцыя лявон лявонцій
    лідзія лізавета лілія магомед мадина макар макарий макарый максим максім малання малика мар'ян мар'яна марат
    маргарита маргарыта марина мария марк маркел марта мартин мартын марцін марына марыся марыя марьям марьян
    матвей матрона мацвей мацей меркурий мехмет мечыслаў милана милена мирон мирослав мирослава михаил михась модест
    моисей мурат мухаммад мухаммед мянодзій мікалай мікола мікіта міраслава міраслаў мірон міхал міхась міхаіл
    міша надежда надзея надзяя назар назарый наиль нариман наста настасся насця наталия наталля наталька наталья
    наташа наум нелли никита николай нина нонна нурлан нурсултан ніна нічыпар ованес оксана олег олеся ольга
    омар осип оскар остап павел паланея паліна панас парфен паўла паўлюк пелагея петр петрусь платон полина
    порфирий потап пракоп прасковья прохар прохор пятро пятрок пятрусь піліп рагнеда радзіслава радик разалія
    раиса рамазан раман рамиль расціслаў рафал рафаэль рахим рашид раіса раўшан регина ренат рената римма ринат
    рогнеда родион роман рональд ростислав рубен руслан рустам руфина рыгор рыма рышард рэгіна сабина саваций
    савва савелий саид салават самвел самир самуил самуіл санжар сания сафія светлана святаслаў святлана
    святослав севастьян севасцьян семен серафим серафима сергей серик сидор сильвестр снежана сняжана соф'я
    софия софья станислав станіслава станіслаў стася степан стефан стефания стэфа стэфан стэфанія сусанна
    сцепаніда сцяпан сымон сямен сяргей сідар сімяон тагир тадэвуш таисия тамара тамаш тамила тарас татьяна
    таццяна таіса таісія теодор тигран тимофей тимур тихон тодар тофик трафім трофим тэадор тэкля тэрэза уладзік
    уладзімір уладзіслаў ульян ульяна уля усевалад устин усцін фадей фаина фарид фарида фарход фатима федар
    федор фекла феликс фелікс феодосий феофан фердынанд филарет филипп фома франц франциск францыск францішак
    харитон хасан хведар христина христофор хрысціна цімафей цімох цімур ціхан чэслава чэслаў шамиль эвелина
    эдвард эдвин эдгар эдуард элеонора эльвира эльвіра эльдар эльмира эмилия эмиль эмілія эраст эрик эрнест
    эсмира юзаф юзэф юзэфа юзік юлиан юлиана юлия юльян юльяна юлія юліян юнус юрий юрый юстина юстына юсуф ягор
    ядвига ядвіга язэп якаў яков якуб ян яна янина янка янук януш яніна ярамей яраслаў ярафей ярослав ярына
    ясмина ясь яўген яўгеній яўгенія яўмен яўстах яўхім іаланта іван ігар ігнат ігнацій ізабела іларыен ілья іна
    іпаліт ірына ірэна
    """,
    )
)
"""Given names as they are used in Belarus and Russia, in Russian, in Belarusian and as passports spell them; ё is е."""
_ELSEWHERE: Final = frozenset(
    re.findall(
        r"\S+",
        """
    agnieszka ahmed alan albert alice amy andrea andreas andrew angela anna antonio arthur barbara benjamin brian
    carlos carol catherine charles christian christine christopher claire claudia daniel david deborah diana donald
    dorothy edward elizabeth emily emma eric fatima francesco frank george giovanni giuseppe grzegorz hans heinrich
    helen henry ibrahim ingrid jacek jack jacob james jan jane janusz jason jean jennifer jessica joan john jonas
    jonathan jose joseph joshua juan julia jurgen karen karl katarzyna katherine kenneth kevin krzysztof larry laura
    laurent linda lisa luis magdalena manuel marco marcin marek margaret marie mario mark martin mary matthew mehmet
    michael michel mohamed mohammed monika muhammad mustafa nancy nicole pablo pamela patricia patrick paul paulo
    pedro peter philip philippe pierre piotr rachel rebecca richard robert roberto ronald ruth samuel sandra sarah
    scott sharon simon sophie stefan stephen steven susan susanne teresa thomas timothy tomasz ursula walter wei
    william wojciech wolfgang xavier yusuf zofia
    ариэль бенджамин гарри генри дженнифер джеймс джейн джессика джозеф джон джордж дэвид жак жан кристофер майкл
    мария мартин маттиас мэри нгуен патрик питер пьер ричард роберт стивен томас уильям ханс хуан чарльз эмили эндрю
    """,
    )
)
"""Some common given names of elsewhere; a body may well be called so, and what stands beside them tells nothing."""
_PATRONYMIC = "(?:ович|евич|ьич|овна|евна|ична|авіч|евіч|овіч|аўна|еўна|оўна|ічна|[oea]vich|[oea]vna|ichna|[ae]una)"
_WORD = r"[^\W\d_](?:[^\W\d_]|['’ʼ-])*"
_INITIAL = r"[^\W\d_]\."
_LIKE_A_SURNAME: Final = re.compile(
    r".+(?:[оеё]ва?|[иыі]на?|[сц]к(?:ий|ая|ой|і)|енк[оа]|[ую]к|[иі]ч|ко|[аоеё]ў"
    r"|[oe]va?|ina?|sk(?:i|y|iy|aya)|enk[oa]|uk|ich|[ao]u)",
    re.IGNORECASE,
)
_BODIES: Final = frozenset(
    re.findall(
        r"\S+",
        """
    агентство агро академия администрация ателье амбулатория аптека архив банк библиотека больница бюро газета
    гимназия гостиница группа групп дом завод издательство департамент диспансер дирекция инспекция институт инвест
    кафе клиника клуб комиссия комитет колледж комбинат компания концерн корпорация кооператив лаборатория лицей
    магазин медиа министерство музей общество палата поликлиника почта служба суд организация отель паркинг плюс
    предприятие проект радио редакция ресторан салон санаторий сервис сити совхоз софт союз станция строй студия
    тату театр телеком тех технологии типография товарищество торг трейд трест тур университет управление учреждение
    фабрика фарм фирма фонд холдинг хозяйство центр школа экспо беларусь белоруссия брест витебск гомель гродно
    минск могилев адміністрацыя акадэмія архіў бібліятэка бальніца дэпартамент дырэкцыя інспекцыя камісія камітэт
    міністэрства паліклініка пошта брэст віцебск гародня гродна магілёў агенцтва аптэка выдавецтва гасцініца
    гімназія інстытут інвест кааператыў камбінат кампанія карпарацыя клініка крама ліцэй прадпрыемства рэдакцыя
    рэстаран санаторый станцыя студыя таварыства тэатр тэхналогіі універсітэт установа фабрыка фірма цэнтр
    academy agency airlines associates association bank brothers bureau capital center centre clinic co college
    communications company consulting corp corporation council department digital energy engineering enterprises
    federal financial foundation fund global group health holding holdings hospital hotel inc industries institute
    insurance international laboratories labs limited llc llp ltd management media medical ministry national network
    networks office partners plc press research school services software solutions sons studio systems technologies
    technology trust university works
    """,
    )
)
"""What bodies are called beside a given name: "Отель Виктория", "Виктория Плюс"."""
_BODYS_END: Final = re.compile(
    r".+(?:исполком|выканкам|здрав|строй|трест|банк|сувязь|связь|энерго|энерга|газ|торг|гандаль|транс|пром|прам|телеком"
    r"|нефть|нафта|азот|комбинат|камбінат|завод|центр|цэнтр|сервис|сэрвіс|водоканал|водаканал)"
)
"""How words end that are made for bodies: "Горводоканал", "Облисполком"."""
_BY_FORM: Final = re.compile(r"[А-ЯЁІЎ][А-ЯЁІЎа-яёіў'’ʼ-]+(?: [А-ЯЁІЎ][А-ЯЁІЎа-яёіў'’ʼ-]+){1,3}")
"""What a person's name looks like in Cyrillic, whatever it is."""
_BARE: Final = re.compile(r"[^\W\d_][^\W\d_'’ʼ-]+(?:[ -][^\W\d_][^\W\d_'’ʼ-]+){0,3}")
"""The same in any letters, also alone."""
LONGEST_SHORT: Final = 6
"""Letters of a body's short name that is shouted ("БЕЛТА")."""
_PERSON: Final = re.compile(
    rf"(?:{_WORD}\s+){{1,3}}[^\W\d_]+{_PATRONYMIC}|[^\W\d_]+\s+[^\W\d_]+{_PATRONYMIC}\s+{_WORD}"
    rf"|{_WORD}\s+(?:[^\W\d_]+\s+){{1,2}}(?:оглы|оглу|кызы|улы|углы)"
    rf"|{_WORD}\s+(?:{_INITIAL}\s*){{2}}|(?:{_INITIAL}\s*){{1,2}}{_WORD}",
    re.IGNORECASE,
)
"""All of a name that is a person's by its patronymic or initials."""
_SHORT: Final = re.compile(rf"({_WORD})\s+[^\W\d_](?:[\s.]*[^\W\d_])?\.?", re.IGNORECASE)
"""A surname with initials that have no points, or with one alone."""
_AMONG: Final = re.compile(rf"(?<![\w.])([^\W\d_][\w'’ʼ-]+)\s+{_INITIAL}\s?{_INITIAL}(?!\s*[\w])")
"""A surname with two initials behind it, in whatever company."""
_CALLED_AFTER: Final = re.compile(r"(?:имени|им\.|імя|памяти|памяці|name[d]?|after)\s*$", re.IGNORECASE)
_QUOTED: Final = re.compile(r"«[^»]*»|\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]")
_STANDING: Final = (
    r"(?:ип|іп|и\.\s?п\.|і\.\s?п\.|индивидуальный предприниматель|індывідуальны прадпрымальнік|физическое лицо|"
    r"фізічная асоба|физлицо|гражданин|гражданка|грамадзянін|грамадзянка|самозанят(?:ый|ая)|самазанят(?:ы|ая)|"
    r"нотариус|натарыус|адвокат|адвакат|"
    r"(?:глава|кіраўнік)\s+(?:кфх|к\(ф\)х|крестьянск\w+.*хозяйств\w*|фермерск\w+\s+хозяйств\w*|"
    r"сялянск\w+.*гаспадар\w*|фермерск\w+\s+гаспадар\w*)|"
    r"individual entrepreneur|sole (?:trader|proprietor)|mrs?\.|ms\.|г-н|г-жа|господин|госпожа|спадар(?:ыня)?)"
)
_STANDS_FIRST: Final = re.compile(rf"{_STANDING}[\s,:.-]+.*", re.IGNORECASE | re.DOTALL)
_STANDS_LAST: Final = re.compile(rf".*(?:,\s*{_STANDING}|\(\s*{_STANDING}\s*\))\.?", re.IGNORECASE | re.DOTALL)
_ONE_INITIAL: Final = re.compile(rf"{_WORD}\s+[^\W\d_]\.?")
_ASIDE: Final = re.compile(r"\([^()]*\)")
_NAME: Final = re.compile(rf"{_WORD}|{_INITIAL}")
_WORDS_TOO: Final = frozenset(
    ("вера", "надежда", "любовь", "роман", "злата", "надзея", "любоў", "раман", "марта", "каліна", "люба")
)
"""Given names that say something else, too."""
_STRESS: Final = "\u0301"
_TO_CYRILLIC: Final = str.maketrans("ABEKMHOPCTXaceopxyi", "АВЕКМНОРСТХасеорхуі")
_MIXED: Final = re.compile(r"\w*[а-яёіў]\w*", re.IGNORECASE)
"""A word with a letter of Cyrillic."""
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CODED_SURNAME: Final = re.compile(r"[a-z]{3,}(?:ov|ova|ev|eva|enko|enka|sky|ski|skiy|skaya|chuk|vich|vna|shvili)")
_CYRILLIC: Final = re.compile(r"[а-яёіў'’ʼ-]{2,}", re.IGNORECASE)
_FARM: Final = re.compile(r"(?:кфх|к\(ф\)х|сфг|ф/?х)\s+", re.IGNORECASE)
"""A farm (крестьянское хозяйство) in short, which is often called as its head is."""
_NOT_ONLY_LEGAL_FORMS: Final = frozenset({"ИП", "ІП"})


class Likeness(Enum):
    """How far an organisation's name is like that of a natural person."""

    PERSON = "person"
    """It is one, as far as can be told from it alone."""
    PERHAPS = "perhaps"
    """A body could be called so as well: by a given name alone or one of elsewhere beside other words, by one word with
    an initial, or by its form alone."""
    BARE = "bare"
    """It could be any person's, and shows nothing of a body: one word, or up to four that are all capitalised or none,
    without a legal form, quotes, a digit or a word that bodies are called by."""


def likeness(name: str) -> Likeness | None:
    """How far a name is like a person's, None where it shows a body; it is read once for all."""
    read = _as_read(name)
    if _is_person(read):
        return Likeness.PERSON
    return Likeness.PERHAPS if _may_be_person(read) else Likeness.BARE if _is_bare(read) else None


def is_person(name: str) -> bool:
    """Whether an organisation's name is that of a natural person, as far as can be told from it alone."""
    return _is_person(_as_read(name))


def _is_person(read: str) -> bool:
    said = " ".join(read.split())
    bare = " ".join(_QUOTED.sub(" ", said).split())
    if _STANDS_FIRST.fullmatch(said) or _STANDS_LAST.fullmatch(said) or _names_somebody(bare):
        return True
    words = _FARM.sub("", said).replace(",", " ").split()
    return not _has_legal_form(said, words) and _is_called_so(words)


def _may_be_person(read: str) -> bool:
    words = _ASIDE.sub(" ", _QUOTED.sub(" ", read)).replace(",", " ").split()
    said = " ".join(words)
    if _has_legal_form(said, words) or not all(one[:1].isupper() for one in words):
        return False
    if any(map(_is_of_a_body, words)):
        return False
    if _BY_FORM.fullmatch(said):
        return True
    if len(words) == 1 and _is_given_anywhere(said):
        return True
    named = 2 <= len(words) <= 3 and any(_is_given_anywhere(one) for one in (words[0], words[-1]))
    return (named and all(_NAME.fullmatch(one) for one in words)) or _ONE_INITIAL.fullmatch(said) is not None


def _is_bare(read: str) -> bool:
    said = " ".join(_ASIDE.sub(" ", read).split())
    words = said.split()
    if _has_legal_form(said, words) or not _BARE.fullmatch(said):
        return False
    shouted = len(words) == 1 and said.isupper() and len(said) <= LONGEST_SHORT
    return not shouted and len({one[0].isupper() for one in words}) == 1 and not any(map(_is_of_a_body, words))


def _as_read(name: str) -> str:
    """A name as a reader sees it: without what nobody sees and stress marks, and a Latin letter that looks like one of
    Cyrillic as that, in a word of Cyrillic."""
    seen = unicodedata.normalize("NFKC", name)
    seen = "".join(one for one in seen if one != _STRESS and unicodedata.category(one) != "Cf")
    return _MIXED.sub(lambda word: word[0].translate(_TO_CYRILLIC), seen)


def _is_given_anywhere(word: str) -> bool:
    plain = "".join(one for one in unicodedata.normalize("NFKD", word) if not unicodedata.combining(one)).casefold()
    return plain in _ELSEWHERE or ((is_given(word) or is_given(plain)) and word.casefold() not in _WORDS_TOO)


def _names_somebody(bare: str) -> bool:
    """Whether a person is named beside other words, after whom no body is called there."""
    if any(not _CALLED_AFTER.search(bare[: found.start()]) for found in _AMONG.finditer(bare)):
        return True
    words = bare.replace(",", " ").split()
    return any(is_given(one) and _is_patronymic(two) for one, two in zip(words, words[1:], strict=False))


def _is_called_so(words: Sequence[str]) -> bool:
    """Whether these words are a person's name and nothing else."""
    said = " ".join(words)
    if _PERSON.fullmatch(said):
        return not said.startswith("U.S.")
    if (short := _SHORT.fullmatch(said)) and _like_a_surname(short[1]):
        return True
    pairs = [*zip(words, words[1:], strict=False), *zip(words[1:], words, strict=False)]
    return any(is_given(one) and (_like_a_surname(two) or (len(words) == 2 and _alone(one, two))) for one, two in pairs)


def _alone(given: str, other: str) -> bool:
    """Whether a given name with one word beside it is a person's, though the word does not look like a surname: one in
    Cyrillic that no body is called."""
    return given.casefold() not in _WORDS_TOO and _CYRILLIC.fullmatch(other) is not None and not _is_of_a_body(other)


def _like_a_surname(word: str) -> bool:
    """Of a double surname, whether its first part does."""
    return _LIKE_A_SURNAME.fullmatch(word.partition("-")[0]) is not None and not _is_of_a_body(word)


def _is_of_a_body(word: str) -> bool:
    plain = word.casefold().replace("ё", "е")
    return plain in _BODIES or _BODYS_END.fullmatch(plain) is not None


def _is_patronymic(word: str) -> bool:
    return re.fullmatch(rf"[^\W\d_]+{_PATRONYMIC}", word, re.IGNORECASE) is not None


def _has_legal_form(said: str, words: Sequence[str]) -> bool:
    """A legal form in short in front ("ГУ Центр ..."), beside words that are not shouted."""
    first = words[0] if words else ""
    form = first.isalpha() and first.isupper() and 2 <= len(first) <= 5
    return form and not said.isupper() and first not in _NOT_ONLY_LEGAL_FORMS


def names_somebody(code: str) -> bool:
    """Whether a code of Latin letters, digits and signs has somebody's name among its words."""
    words = re.findall("[a-z]+", _HUMPS.sub(" ", code).lower())
    return any(
        is_given(word) or _CODED_SURNAME.fullmatch(word) for word in [*words, *re.findall("[a-z]+", code.lower())]
    )


def is_given(word: str) -> bool:
    """Whether a word is somebody's given name in full."""
    return word.casefold().replace("ё", "е").replace("’", "'").replace("ʼ", "'") in _GIVEN
