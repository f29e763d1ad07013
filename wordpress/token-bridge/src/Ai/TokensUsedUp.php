<?php
/**
 * A refused prompt.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use WordPress\AiClient\Providers\Http\Exception\ClientException;

defined( 'ABSPATH' ) || exit;

/**
 * Ends a prompt before the provider is called. WordPress's builder turns it into an error with status 402.
 */
final class TokensUsedUp extends ClientException {

	/** @var string Where tokens can be bought. */
	public $purchase_url = '';

	public static function because( string $sentence, string $purchase_url ): self {
		$refusal               = new self( $sentence, 402 );
		$refusal->purchase_url = $purchase_url;
		return $refusal;
	}
}
