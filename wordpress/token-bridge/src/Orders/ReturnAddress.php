<?php
/**
 * The address that a buyer came from.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Orders;

defined( 'ABSPATH' ) || exit;

/**
 * An address on this site that a link into the shop has as a parameter; an empty text for every other one.
 */
final class ReturnAddress {

	/** The parameter of a link into the shop. */
	public const PARAMETER = 'token_bridge_return';

	private const MAX_LENGTH = 2000;

	/** An address with its host, without the characters that programs read in different ways. */
	private const WHOLE = '~^https?://[^\s\\\\<>"\x00-\x1f\x7f]+$~iD';

	/**
	 * Returns the address if it is on a host of this site and can be linked to.
	 *
	 * @param mixed $given The value of a parameter, of a session or of an order.
	 */
	public static function read( $given ): string {
		if ( ! is_string( $given ) || strlen( $given ) > self::MAX_LENGTH || ! preg_match( self::WHOLE, $given ) ) {
			return '';
		}
		return wp_validate_redirect( esc_url_raw( $given, [ 'http', 'https' ] ), '' );
	}

	/**
	 * Returns the title of the page at the address; the site's name where it has none.
	 */
	public static function title( string $url ): string {
		$page = url_to_postid( $url );
		// Not get_the_title(): on the thank-you page, WooCommerce replaces every title by "Order received".
		$title = $page ? wp_strip_all_tags( (string) get_post_field( 'post_title', $page ) ) : '';
		return '' !== $title ? $title : wp_specialchars_decode( get_bloginfo( 'name' ), ENT_QUOTES );
	}
}
